package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// strays removes what a task's creation leaves when its client is killed in the
// middle of it: containerd gives up, and the shim, what it had started and its
// control group stay. The container has no task, and nobody is starting it.
func (s *Service) strays(ctx context.Context, id string) error {
	if _, err := s.tasks.Get(ctx, id, ""); !errdefs.IsNotFound(err) {
		return nil // containerd knows it
	}
	shims, err := s.shims()
	if err != nil {
		return err
	}
	var failed error
	for _, shim := range shims {
		if shim.ID == id {
			failed = errors.Join(failed, shim.Remove(ctx))
		}
	}
	removeCgroups(id)
	return failed
}

// shims are those of the containerd that is used: another one's containers are
// its own.
func (s *Service) shims() ([]ctrd.Shim, error) {
	all, err := s.cfg.Backend.Shims()
	return slices.DeleteFunc(all, func(shim ctrd.Shim) bool { return !state.SameFile(shim.Address, s.cfg.Backend.Address()) }), err
}

// removeCgroups removes a container's empty control groups. One that is not
// empty stays: somebody is in it.
func removeCgroups(id string) {
	for _, dir := range cgroups(id) {
		_ = os.Remove(dir)
	}
}

func cgroups(id string) []string {
	v1, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", "nerd", id)) // the pattern is well-formed
	v2, _ := filepath.Glob(filepath.Join(cgroupRoot, "nerd", id))
	return append(v1, v2...)
}

// strays mends what no record tells of: shims and control groups.
func (r *repair) strays() {
	ids := map[string]bool{}
	if shims, err := r.s.shims(); err == nil {
		for _, shim := range shims {
			ids[shim.ID] = true
		}
	}
	for _, dir := range cgroups("*") {
		if id := filepath.Base(dir); len(id) == idLength && isHex(id) && !r.elsewhere(id) {
			ids[id] = true
		}
	}
	for id := range ids {
		if r.live[id] || r.busy(id) {
			continue
		}
		if _, err := r.s.tasks.Get(r.ctx, id, ""); !errdefs.IsNotFound(err) {
			continue
		}
		r.mend("shim", short(id), "remove: its start was cut off", func() error { return r.s.strays(r.ctx, id) })
	}
}
