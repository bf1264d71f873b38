package container

import (
	"context"
	"errors"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
)

// Remove removes a container. With Force a running one is killed first, and the
// call always converges: whatever is left of a container is taken away.
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) error {
	c, err := s.own(ctx, ref)
	if err != nil {
		return err
	}
	return s.removeByID(ctx, c.ID, opts)
}

func (s *Service) removeByID(ctx context.Context, id string, opts RemoveOptions) error {
	c, err := s.get(ctx, id)
	if err != nil {
		return err
	}
	if c.Running() {
		if !opts.Force {
			return errorf(errdefs.ErrFailedPrecondition,
				"cannot remove container %q: container is %s: stop the container before removing or force remove", "/"+c.Name, c.Status.State)
		}
		if err := s.markStopped(ctx, id); err != nil {
			return ignoreNotFound(err)
		}
		if err := s.kill(ctx, c); err != nil {
			return err
		}
		s.drainForRemoval(ctx, c)
	}
	err = s.locked(ctx, id, func(c *Container) error {
		if c.Running() {
			return errorf(errdefs.ErrFailedPrecondition, "cannot remove container %q: it was started again meanwhile", "/"+c.Name)
		}
		return s.remove(ctx, c)
	})
	return ignoreNotFound(err)
}

// drainForRemoval lets attached clients and `logs -f` see the last output, and
// the monitor end, before the files go away. A monitor that is not there is not
// started for it.
func (s *Service) drainForRemoval(ctx context.Context, c *Container) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	mon, err := s.dialRunningMonitor(ctx, c)
	if err != nil {
		return
	}
	defer func() { _ = mon.Close() }()
	if mon.Watch(ctx) == nil {
		_ = mon.Done(false)
	}
}

// remove takes a container away that does not run: its task, the record (from
// here on it does not exist), then what it held. The caller holds its lock.
func (s *Service) remove(ctx context.Context, c *Container) error {
	if c.Status.State != container.StateExited {
		if _, err := s.killTask(ctx, c.ID); err != nil {
			return err
		}
	}
	if err := s.store.Delete(ctx, c.ID); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	errs := []error{s.removeSnapshot(ctx, c), s.dropLease(ctx, leaseID(c.Name))}
	if len(c.Status.Ports) > 0 || c.Status.State != container.StateExited || c.Status.StoppedByHand {
		errs = append(errs, s.cfg.Networks.Detach(ctx, c.ID))
	}
	return errors.Join(append(errs, s.discard(c.ID))...)
}

func (s *Service) removeSnapshot(ctx context.Context, c *Container) error {
	if c.SnapshotKey == "" {
		return nil
	}
	err := s.cfg.Backend.Snapshots(c.Driver).Remove(ctx, c.SnapshotKey)
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// Rename gives a container another name. The new one is taken before the old one
// is given up, so no moment without either exists.
func (s *Service) Rename(ctx context.Context, ref, name string) error {
	name = strings.TrimPrefix(name, "/")
	if err := checkName(name); err != nil {
		return err
	}
	found, err := s.own(ctx, ref)
	if err != nil {
		return err
	}
	return s.locked(ctx, found.ID, func(c *Container) error {
		if c.Name == name {
			return errorf(errdefs.ErrInvalidArgument, "Renaming a container with the same name as its current name")
		}
		if _, err := s.reserveName(ctx, name, c.ID); err != nil {
			return err
		}
		old := c.Name
		c.Name = name
		if err := s.saveRecord(ctx, c); err != nil {
			return errors.Join(err, s.dropLease(ctx, leaseID(name)))
		}
		return s.dropLease(ctx, leaseID(old))
	})
}
