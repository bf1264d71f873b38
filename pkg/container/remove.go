package container

import (
	"context"
	"errors"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
)

// Remove removes a container. With Force a running one is killed first, and the
// call always converges: whatever is left of a container is taken away.
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) error {
	c, err := s.change(ctx, ref)
	if err != nil {
		return err
	}
	if c.Foreign {
		return s.removeForeign(ctx, c, opts)
	}
	return s.removeByID(ctx, c.ID, opts)
}

func (s *Service) removeByID(ctx context.Context, id string, opts RemoveOptions) error {
	for {
		started, err := s.tryRemove(ctx, id, opts)
		if !started {
			return err
		}
	}
}

// tryRemove removes a container unless another process starts it meanwhile.
func (s *Service) tryRemove(ctx context.Context, id string, opts RemoveOptions) (started bool, err error) {
	c, err := s.get(ctx, id)
	if err != nil {
		return false, err
	}
	if !opts.Force && (c.Running() || c.Status.State == container.StateRestarting) {
		return false, errorf(errdefs.ErrFailedPrecondition,
			"cannot remove container %q: container is %s: stop the container before removing or force remove", "/"+c.Name, c.Status.State)
	}
	e := &ending{}
	if c.Running() {
		if err := s.markStopped(ctx, id); err != nil {
			return false, ignoreNotFound(err)
		}
		e = s.claim(ctx, c)
		defer e.close()
		if err := s.end(ctx, c, opts.Stop); err != nil {
			return false, err
		}
		e.drained(ctx) // attached clients and `logs -f` see the last output before the files go away
	}
	err = s.locked(ctx, id, func(c *Container) error {
		if c.Running() {
			started = true
			return nil
		}
		if c.Status.State == container.StateCreated {
			s.dismissMonitor(ctx, id)
			if err := s.strays(ctx, id); err != nil {
				return err
			}
		}
		if c.ended() { // what fails here, the removal does again
			_ = s.recordExit(ctx, c, opts.Stop != nil)
		}
		return errors.Join(s.releasePorts(ctx, c), s.removeWith(ctx, c, opts.Volumes))
	})
	if err := ignoreNotFound(err); err != nil || started {
		return started, err
	}
	if e.done(true) {
		return false, nil
	}
	return false, s.cfg.Networks.Detach(ctx, id)
}

// remove is removeWith for a container that nobody asked to remove: with --rm its
// anonymous volumes go too.
func (s *Service) remove(ctx context.Context, c *Container) error {
	return s.removeWith(ctx, c, c.HostConfig.AutoRemove)
}

// removeWith takes a container away that does not run: its task, the record (from
// here on it does not exist), then what it held but for the network. The caller
// holds its lock.
func (s *Service) removeWith(ctx context.Context, c *Container, volumes bool) error {
	if c.Status.State != container.StateExited {
		if err := s.killTask(ctx, c.ID); err != nil {
			return err
		}
	}
	s.unmountSources(ctx, c)
	note := s.keepVolumes(c.ID)
	if volumes {
		note = s.noteVolumes(c.ID, anonymousVolumes(c))
	}
	if note != nil {
		return note
	}
	if err := s.store.Delete(ctx, c.ID); err == nil {
		s.emit(ctx, c, events.ActionDestroy)
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	return errors.Join(s.removeSnapshot(ctx, c), s.removeImageMounts(ctx, c), s.releaseName(ctx, c.Name, c.ID), s.dropVolumes(ctx, c.ID), s.discard(c.ID))
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
	if ref == "" || name == "" {
		return errorf(errdefs.ErrInvalidArgument, "Neither old nor new names may be empty")
	}
	if err := checkName(name); err != nil {
		return noNewName(err)
	}
	found, err := s.own(ctx, ref, "rename")
	if err != nil {
		return err
	}
	return s.locked(ctx, found.ID, func(c *Container) error {
		if c.Name == name {
			return errorf(errdefs.ErrInvalidArgument, "Renaming a container with the same name as its current name")
		}
		if err := s.reserveName(ctx, name, c.ID); err != nil {
			return noNewName(err)
		}
		old := c.Name
		c.Name = name
		if err := s.saveRecord(ctx, c); err != nil {
			return errors.Join(err, s.releaseName(ctx, name, c.ID))
		}
		s.emit(ctx, c, events.ActionRename, "oldName", "/"+old)
		return errors.Join(s.cfg.Networks.Rename(ctx, c.ID, name), s.releaseName(ctx, old, c.ID))
	})
}

// noNewName puts Docker's words before the reason why a name cannot be had.
func noNewName(err error) error {
	return &messageError{msg: "Error when allocating new name: " + err.Error(), kind: err}
}

// end stops a container, or kills it if there are no options for that.
func (s *Service) end(ctx context.Context, c *Container, opts *StopOptions) error {
	if opts == nil {
		return s.kill(ctx, c)
	}
	text := opts.Signal
	if text == "" {
		text = c.Config.StopSignal
	}
	sig, err := stopSignal(text)
	if err != nil {
		return err
	}
	return s.signalAndWait(ctx, c, sig, stopTimeout(c, *opts))
}
