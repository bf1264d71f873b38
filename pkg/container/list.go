package container

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
	"github.com/nerd-cli/nerd/pkg/health"
)

// List is what `docker ps` shows, newest first. It costs one call to containerd:
// whether a container runs is asked of the kernel, so a hung shim delays nobody.
func (s *Service) List(ctx context.Context, opts ListOptions) ([]container.Summary, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	all, err := decodeAll(list)
	if err != nil {
		return nil, err
	}
	s.observe(ctx, all...)
	slices.SortFunc(all, func(a, b *Container) int { return b.Created.Compare(a.Created) })
	looks := lookAtAll(all)
	f, err := s.newFilter(ctx, opts.Filters, all)
	if err != nil {
		return nil, err
	}
	var out []container.Summary
	for i, c := range all {
		if opts.Limit > 0 && len(out) == opts.Limit {
			break
		}
		v := viewAs(c, looks[i].alive)
		if !opts.All && opts.Limit == 0 && !f.hasStatus() && !up(v.State) || !f.match(c, v) || c.sandbox() && !f.wantsSandboxes() {
			continue
		}
		sum := inspect.Summary(v, now())
		if looks[i].held { // nobody can say what it does
			sum.State, sum.Status = inspect.StateUnknown, "Unknown"
		}
		if opts.Size && c.SnapshotKey != "" {
			sum.SizeRw, sum.SizeRootFs = s.size(ctx, c)
		}
		out = append(out, sum)
	}
	return out, nil
}

// up tells whether `ps` shows a state. A container of which nobody can say whether
// it runs must not pass for one that does not.
func up(s container.ContainerState) bool {
	return s == container.StateRunning || s == container.StatePaused || s == container.StateRestarting || s == inspect.StateUnknown
}

// inChunks calls fn for each number below n, on as many processors as there are.
// With hundreds of containers the decoding and the looking at processes are most
// of what a list costs.
func inChunks(n int, fn func(i int)) {
	const least = 16 // for less, another goroutine does not pay
	workers := min(runtime.GOMAXPROCS(0), n/least+1)
	var g sync.WaitGroup
	for w := range workers {
		g.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				fn(i)
			}
		})
	}
	g.Wait()
}

func decodeAll(list []containers.Container) ([]*Container, error) {
	all, errs := make([]*Container, len(list)), make([]error, len(list))
	inChunks(len(list), func(i int) { all[i], errs[i] = decode(list[i]) })
	return all, errors.Join(errs...)
}

// glance is what the kernel says of a container.
type glance struct{ alive, held bool }

func lookAtAll(all []*Container) []glance {
	out := make([]glance, len(all))
	inChunks(len(all), func(i int) { out[i].alive, out[i].held = all[i].look() })
	return out
}

// size is what a container's own layer and its whole root file system take, in
// bytes; what cannot be measured counts as nothing.
func (s *Service) size(ctx context.Context, c *Container) (own, all int64) {
	sn := s.cfg.Backend.Snapshots(c.Driver)
	for key := c.SnapshotKey; key != ""; {
		usage, err := sn.Usage(ctx, key)
		if err != nil {
			return own, all
		}
		if key == c.SnapshotKey {
			own = usage.Size
		}
		all += usage.Size
		info, err := sn.Stat(ctx, key)
		if err != nil {
			return own, all
		}
		key = info.Parent
	}
	return own, all
}

// look asks the kernel once what a list shows of a container: whether its process
// runs, and whether its shim has been stopped and can tell nothing.
func (c *Container) look() (alive, held bool) {
	switch c.Status.State {
	case container.StateRunning, container.StatePaused:
		return c.Status.Process.Look()
	}
	return false, false
}

// view is what the pure functions of package inspect work on.
func view(c *Container) inspect.Container {
	alive, _ := c.look()
	return viewAs(c, alive)
}

// viewAs is view of a container whose process is known to run, or not to.
func viewAs(c *Container, alive bool) inspect.Container {
	st := c.Status
	checks, pid := health.Halt(c.Health), 0
	switch st.State {
	case container.StateRunning, container.StatePaused:
		if !alive { // nobody has handled its end yet
			st.State, st.Ports, st.Networks = container.StateExited, nil, nil
			break
		}
		pid = st.Process.PID
		if st.State == container.StateRunning {
			checks = c.Health
		}
	}
	return inspect.Container{
		ID: c.ID, Name: c.Name, Created: c.Created, Path: c.Path, Args: c.Args, ImageRef: c.ImageRef, ImageID: c.ImageID,
		Platform: c.Platform, Driver: c.Driver, Config: c.Config, HostConfig: shownLinks(c), Mounts: c.Mounts, AppArmor: c.AppArmor,
		AskedNetworks: c.Networks, Networks: st.Networks, Ports: st.Ports,
		State: st.State, PID: pid, ExitCode: st.ExitCode, OOMKilled: st.OOMKilled, Error: st.Error,
		StartedAt: st.StartedAt, FinishedAt: st.FinishedAt, RestartCount: st.RestartCount, Health: checks,
	}
}

func runningPID(c *Container) int {
	if c.Running() {
		return c.Status.Process.PID
	}
	return 0
}
