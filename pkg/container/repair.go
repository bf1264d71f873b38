package container

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
)

// pollEvery is how often a change in containerd's store is looked for where
// nothing announces it.
const pollEvery = 10 * time.Millisecond

// poll calls fn until it says it is done, fails, or ctx ends.
func (s *Service) poll(ctx context.Context, fn func() (bool, error)) error {
	for {
		done, err := fn()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// Finding is something that a killed command or a crash left behind.
type Finding struct {
	Kind   string // container, name, task, snapshot, folder, or what the network repair names
	Name   string
	Action string
	Err    error // why it could not be mended
}

// Repair compares what exists with what lives, and mends it; a dry run only
// tells. It may run at any time: what another process is working on is locked
// or has a living owner, and is left alone.
func (s *Service) Repair(ctx context.Context, dryRun bool) ([]Finding, error) {
	raw, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	r := &repair{s: s, ctx: ctx, dry: dryRun, live: map[string]bool{}, known: map[string]bool{}}
	for _, one := range raw {
		c, err := decode(one)
		if err != nil {
			r.found = append(r.found, Finding{Kind: "container", Name: one.ID, Action: "read", Err: err})
			continue
		}
		r.known[c.ID] = true
		if !c.Foreign {
			r.container(c)
		}
	}
	r.tasks()
	r.strays()
	r.names()
	r.folders()
	network, err := s.cfg.Networks.Repair(ctx, func(id string) bool { return r.live[id] || r.elsewhere(id) }, dryRun)
	for _, f := range network {
		r.found = append(r.found, Finding{Kind: f.Kind, Name: f.Name, Action: f.Action, Err: f.Err})
	}
	return r.found, err
}

// Live tells whether a container may hold a network: it runs, is being started
// or removed, waits for a restart, or belongs to another namespace of the host.
func (s *Service) Live(ctx context.Context, id string) (bool, error) {
	r := &repair{s: s, ctx: ctx}
	c, err := s.get(ctx, id)
	switch {
	case errdefs.IsNotFound(err):
		return r.busy(id) || r.elsewhere(id), nil
	case err != nil:
		return false, err
	}
	return c.Running() || c.Status.State == container.StateRestarting || r.busy(id), nil
}

type repair struct {
	s     *Service
	ctx   context.Context
	dry   bool
	live  map[string]bool // containers that may hold a network
	known map[string]bool
	found []Finding
}

func (r *repair) mend(kind, name, action string, fn func() error) {
	f := Finding{Kind: kind, Name: name, Action: action}
	if !r.dry {
		f.Err = ignoreNotFound(fn())
	}
	r.found = append(r.found, f)
}

// container mends one that has ended unseen, whose start was killed, or whose
// monitor is gone.
func (r *repair) container(c *Container) {
	switch {
	case r.busy(c.ID):
		r.live[c.ID] = true
	case c.Running():
		r.live[c.ID] = true
		if r.s.orphaned(r.ctx, c) {
			r.mend("monitor", c.Name, "start again", func() error {
				mon, err := r.s.dialMonitor(r.ctx, c)
				if err != nil {
					return err
				}
				return mon.Close()
			})
		}
	case c.ended():
		r.mend("container", c.Name, "record its end", func() error {
			r.s.drain(r.ctx, c)
			again, err := r.s.Finish(r.ctx, c.ID)
			if err == nil && again.Wanted { // its monitor has been dismissed
				err = r.s.RestartExited(r.ctx, c.ID)
			}
			return err
		})
	case c.Status.State == container.StateCreated && c.HostConfig.AutoRemove:
		r.mend("container", c.Name, "remove: its start was cut off", func() error {
			return r.s.removeByID(r.ctx, c.ID, RemoveOptions{Force: true, Volumes: true})
		})
	case c.Status.State == container.StateRestarting:
		r.live[c.ID] = true
		if r.s.orphaned(r.ctx, c) {
			r.mend("container", c.Name, "restart: nobody was left to do it", func() error { return r.s.RestartExited(r.ctx, c.ID) })
		}
	}
}

// busy tells whether a process holds the container's lock.
func (r *repair) busy(id string) bool {
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := os.Stat(r.s.cfg.Layout.ContainerRun(id)); err != nil {
		return false
	}
	l, err := r.s.lock(ctx, id)
	if err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	_ = l.Release()
	return false
}

// elsewhere tells whether a container of another namespace, or of another
// containerd, has the id: networks are shared by all of a host.
func (r *repair) elsewhere(id string) bool {
	return !r.known[id] && (r.s.cfg.Layout.OtherContainer(id) || r.s.otherOwner(id))
}

// tasks removes the task of a container that was removed, or never ran.
func (r *repair) tasks() {
	ids, err := r.s.tasks.List(r.ctx)
	if err != nil {
		return
	}
	for _, id := range ids {
		if !r.known[id] && !r.busy(id) {
			r.mend("task", short(id), "delete", func() error {
				return r.s.killTask(r.ctx, id)
			})
		}
	}
}

// names frees the reservations that nobody will use, and with them the snapshots
// that they kept.
func (r *repair) names() {
	list, err := r.s.leases.List(r.ctx)
	if err != nil {
		return
	}
	for _, l := range list {
		name, id := l.Labels[leaseName], l.Labels[leaseContainer]
		if name == "" || r.busy(id) {
			continue
		}
		c, err := r.s.get(r.ctx, id)
		if err == nil && c.Name == name {
			continue
		}
		if _, stale, err := r.s.staleName(r.ctx, l); err == nil && !stale {
			continue
		}
		r.mend("name", name, "free", func() error {
			if c == nil {
				if err := r.s.removeSnapshot(r.ctx, &Container{SnapshotKey: id}); err != nil && !errdefs.IsNotFound(err) {
					return err
				}
			}
			return r.s.releaseName(r.ctx, name, id)
		})
	}
}

// folders removes those of containers that do not exist.
func (r *repair) folders() {
	for _, parent := range []string{r.s.cfg.Layout.Containers(), r.s.cfg.Layout.ContainersRun()} {
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if id := e.Name(); !r.known[id] && !r.busy(id) && !r.s.otherOwner(id) && !r.exists(id) {
				r.mend("folder", short(id), "remove", func() error {
					r.s.dismissMonitor(r.ctx, id)
					return errors.Join(r.s.dropVolumes(r.ctx, id), r.s.discard(id))
				})
			}
		}
	}
}

func (r *repair) exists(id string) bool {
	_, err := r.s.get(r.ctx, id)
	return err == nil
}
