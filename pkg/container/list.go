package container

import (
	"context"
	"slices"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
)

// stateUnknown is the state, beyond Docker's, of a container whose shim does not
// answer because it has been stopped.
const stateUnknown container.ContainerState = "unknown"

// List is what `docker ps` shows, newest first. It costs one call to containerd:
// whether a container runs is asked of the kernel, so a hung shim delays nobody.
func (s *Service) List(ctx context.Context, opts ListOptions) ([]container.Summary, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	all := make([]*Container, 0, len(list))
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	s.observe(ctx, all...)
	slices.SortFunc(all, func(a, b *Container) int { return b.Created.Compare(a.Created) })
	f, err := s.newFilter(ctx, opts.Filters, all)
	if err != nil {
		return nil, err
	}
	var out []container.Summary
	for _, c := range all {
		if opts.Limit > 0 && len(out) == opts.Limit {
			break
		}
		v := view(c)
		up := v.State == container.StateRunning || v.State == container.StatePaused || v.State == container.StateRestarting
		if !opts.All && opts.Limit == 0 && !f.hasStatus() && !up || !f.match(c, v) || c.sandbox() && !f.wantsSandboxes() {
			continue
		}
		sum := inspect.Summary(v, now())
		if up && c.Status.Process.ParentStopped() { // nobody can say what it does
			sum.State, sum.Status = stateUnknown, "Unknown"
		}
		if opts.Size && c.SnapshotKey != "" {
			sum.SizeRw, sum.SizeRootFs = s.size(ctx, c)
		}
		out = append(out, sum)
	}
	return out, nil
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

// view is what the pure functions of package inspect work on.
func view(c *Container) inspect.Container {
	st := c.Status
	state := st.State
	exit := st.ExitCode
	if c.ended() { // nobody has handled its end yet
		state, st.Ports, st.Networks = container.StateExited, nil, nil
	}
	return inspect.Container{
		ID: c.ID, Name: c.Name, Created: c.Created, Path: c.Path, Args: c.Args, ImageRef: c.ImageRef, ImageID: c.ImageID,
		Platform: c.Platform, Driver: c.Driver, Config: c.Config, HostConfig: shownLinks(c), Mounts: c.Mounts, AppArmor: c.AppArmor,
		AskedNetworks: c.Networks, Networks: st.Networks, Ports: st.Ports,
		State: state, PID: runningPID(c), ExitCode: exit, OOMKilled: st.OOMKilled, Error: st.Error,
		StartedAt: st.StartedAt, FinishedAt: st.FinishedAt, RestartCount: st.RestartCount, Health: c.health(),
	}
}

func runningPID(c *Container) int {
	if c.Running() {
		return c.Status.Process.PID
	}
	return 0
}
