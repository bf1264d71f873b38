package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Finding is something that a killed process left behind.
type Finding struct {
	Kind   string // volume or mount
	Name   string
	Action string
	Err    error // why it could not be mended
}

// Repair sweeps volumes that were being made or removed, and unmounts what no
// container uses any more; a dry run only tells. What a living process works on
// is locked and left alone.
func (s *Service) Repair(ctx context.Context, dryRun bool) ([]Finding, error) {
	var found []Finding
	mend := func(kind, name, action string, fn func() error) {
		f := Finding{Kind: kind, Name: name, Action: action}
		if !dryRun {
			f.Err = fn()
		}
		found = append(found, f)
	}
	for _, path := range s.sweep() {
		mend("volume", filepath.Base(path), "remove what a killed command left of it", func() error { return removeTree(path) })
	}
	for _, id := range s.staged() {
		if !s.live(ctx, id) {
			mend("mount", short(id), "unmount what was laid out for its start", func() error { return s.unstage(id) })
		}
	}
	names, err := s.idleMounts(ctx)
	for _, name := range names {
		mend("mount", name, "unmount: no container that runs uses the volume", func() error {
			return s.dropMount(ctx, name, "")
		})
	}
	return found, err
}

// idleMounts lists the volumes that are mounted, or noted as used, for no
// container that lives.
func (s *Service) idleMounts(ctx context.Context) ([]string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.root()))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range mounts {
		name, rest, _ := strings.Cut(strings.TrimPrefix(m.Mountpoint, s.root()+"/"), "/")
		if rest == dataName {
			names = append(names, name)
		}
	}
	noted, _ := os.ReadDir(filepath.Dir(s.refs("x"))) // an absent folder has none
	for _, e := range noted {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return len(s.liveRefs(ctx, name, "")) > 0
	}), nil
}

func (s *Service) live(ctx context.Context, id string) bool {
	if s.cfg.Live == nil {
		return false
	}
	live, err := s.cfg.Live(ctx, id)
	return live || err != nil // what cannot be told is left alone
}

// removeTree removes a folder below which nothing is mounted.
func removeTree(path string) error {
	below, err := mountinfo.GetMounts(mountinfo.PrefixFilter(path))
	if err != nil {
		return err
	}
	if len(below) > 0 {
		return errors.New("something is mounted at " + below[0].Mountpoint)
	}
	return os.RemoveAll(path)
}

// sweep lists what killed processes left of volumes being made or removed.
func (s *Service) sweep() []string {
	entries, _ := os.ReadDir(s.root()) // an absent folder has none
	var found []string
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, draftPrefix) || strings.HasPrefix(n, goingPrefix) {
			path := filepath.Join(s.root(), n)
			if dir, err := tryLockFolder(path, unix.LOCK_EX); err == nil {
				_ = dir.Close()
				found = append(found, path)
			}
		}
	}
	return found
}

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
