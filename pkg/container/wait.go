package container

import (
	"context"
	"errors"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/monitor"
)

// Wait waits until a container is not running, ends next, or is removed, and
// returns its exit code.
func (s *Service) Wait(ctx context.Context, ref string, cond WaitCondition) (int64, error) {
	c, err := s.own(ctx, ref)
	if err != nil {
		return 0, err
	}
	if !c.Running() && !c.ended() && cond != container.WaitConditionNextExit && cond != container.WaitConditionRemoved {
		return int64(c.Status.ExitCode), nil
	}
	code, err := s.waitExit(ctx, c)
	if err != nil || cond != container.WaitConditionRemoved {
		return code, err
	}
	return code, s.poll(ctx, func() (bool, error) {
		_, err := s.get(ctx, c.ID)
		return errdefs.IsNotFound(err), ignoreNotFound(err)
	})
}

// waitExit waits for the end of a running container. The task knows the exit
// code until it is deleted, the status from then on.
func (s *Service) waitExit(ctx context.Context, c *Container) (int64, error) {
	if c.Running() {
		exit, err := s.tasks.Wait(ctx, c.ID, "")
		if err == nil {
			return int64(exit.Code), s.finished(ctx, c.ID)
		}
		if !errdefs.IsNotFound(err) {
			return 0, err
		}
	}
	code := int64(c.Status.ExitCode)
	return code, s.poll(ctx, func() (bool, error) {
		now, err := s.get(ctx, c.ID)
		if err != nil {
			return true, ignoreNotFound(err)
		}
		if now.ended() { // nobody else may be there to handle it
			return false, s.finished(ctx, c.ID)
		}
		code = int64(now.Status.ExitCode)
		return !now.Running(), nil
	})
}

// finished waits until the end of a container has been handled, so that the
// command after `nerd wait` sees it as ended.
func (s *Service) finished(ctx context.Context, id string) error {
	c, err := s.get(ctx, id)
	if err != nil || !c.ended() {
		return ignoreNotFound(err)
	}
	e := s.claim(ctx, c)
	defer e.close()
	return s.finishClaimed(ctx, id, e, false)
}

// dialRunningMonitor is dialMonitor without starting one.
func (s *Service) dialRunningMonitor(ctx context.Context, c *Container) (*monitor.Client, error) {
	return monitor.Dial(ctx, s.cfg.Layout.ContainerRun(c.ID))
}

// orphaned tells whether a running container has no monitor.
func (s *Service) orphaned(ctx context.Context, c *Container) bool {
	mon, err := s.dialRunningMonitor(ctx, c)
	if err != nil {
		return errors.Is(err, monitor.ErrNotRunning)
	}
	_ = mon.Close()
	return false
}
