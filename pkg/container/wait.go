package container

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/monitor"
)

// Conditions of WaitFor, beyond Docker's.
const (
	WaitRunning WaitCondition = "running"
	WaitHealthy WaitCondition = "healthy"
)

// Wait waits until a container is not running, ends next, or is removed, and
// returns its exit code. As in Docker one that is being restarted counts as
// running: its next end is waited for.
func (s *Service) Wait(ctx context.Context, ref string, cond WaitCondition) (int64, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return 0, err
	}
	switch {
	case c.Foreign && c.Running():
		exit, err := s.tasks.Wait(ctx, c.ID, "")
		return int64(exit.Code), ignoreNotFound(err)
	case cond == container.WaitConditionRemoved:
		return s.waitRemoved(ctx, c)
	case cond != container.WaitConditionNextExit && !c.Running() && !c.ended() && c.Status.State != container.StateRestarting:
		return int64(c.Status.ExitCode), nil
	}
	return s.waitNextExit(ctx, c)
}

// waitNextExit waits until a container ends that runs, or that is yet to be started.
func (s *Service) waitNextExit(ctx context.Context, c *Container) (int64, error) {
	last, id := c.Status.FinishedAt, c.ID
	for !c.Running() && !c.ended() {
		if c.Status.FinishedAt.After(last) { // it ran between two looks
			return int64(c.Status.ExitCode), nil
		}
		if err := lookAgain(ctx, time.Since(c.Status.FinishedAt)); err != nil {
			return 0, err
		}
		var err error
		if c, err = s.get(ctx, id); err != nil {
			return 0, err
		}
	}
	return s.waitExit(ctx, c)
}

// waitRemoved waits until a container does not exist any more. Its exit code is
// that of its last end.
func (s *Service) waitRemoved(ctx context.Context, c *Container) (int64, error) {
	code, since, id := int64(c.Status.ExitCode), time.Now(), c.ID
	for {
		var err error
		if c.Running() || c.ended() {
			if code, err = s.waitExit(ctx, c); err != nil {
				return code, err
			}
			since = time.Now()
		}
		if err := lookAgain(ctx, time.Since(since)); err != nil {
			return code, err
		}
		if c, err = s.get(ctx, id); err != nil {
			return code, ignoreNotFound(err)
		}
	}
}

// lookAgain is the time between two looks at what nothing announces: the longer it
// has not come, the less often it is looked for.
func lookAgain(ctx context.Context, waited time.Duration) error {
	const rarest = 200 * time.Millisecond
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(max(waited/20, pollEvery), rarest)):
		return nil
	}
}

// WaitFor waits until a container is running or healthy, and fails as soon as it
// is clear that it will not be: it has ended and no policy brings it back, it is
// unhealthy, or it has no health check.
func (s *Service) WaitFor(ctx context.Context, ref string, cond WaitCondition) error {
	c, err := s.own(ctx, ref, "wait for")
	if err != nil {
		return err
	}
	for begin, id := time.Now(), c.ID; ; {
		done, err := reached(c, cond)
		if done || err != nil {
			return err
		}
		if err := lookAgain(ctx, time.Since(begin)); err != nil {
			return err
		}
		if c, err = s.get(ctx, id); err != nil {
			return err
		}
	}
}

// reached tells whether a container is what it is waited for.
func reached(c *Container, cond WaitCondition) (bool, error) {
	_, checked := c.check()
	switch {
	case cond == WaitHealthy && !checked:
		return false, errorf(errdefs.ErrFailedPrecondition, "container %s has no health check, so it cannot become healthy: give it one with --health-cmd, or wait until it is running", c.Name)
	case c.Status.State == container.StateCreated, c.Status.State == container.StateRestarting:
		return false, nil
	case !c.Running() && (c.Status.State == container.StateExited || c.Status.State == container.StateDead):
		return false, errorf(errdefs.ErrFailedPrecondition, "container %s has ended with exit code %d before it was %s", c.Name, c.Status.ExitCode, cond)
	case !c.Running(): // its end is being handled
		return false, nil
	case cond == WaitRunning || c.health() == nil:
		return cond == WaitRunning, nil
	case c.health().Status == container.Unhealthy && c.Status.State != container.StatePaused:
		return false, errorf(errdefs.ErrFailedPrecondition, "container %s is unhealthy%s", c.Name, lastOutput(c.Health))
	}
	return c.health().Status == container.Healthy, nil
}

// HasHealthcheck tells whether a container's health is checked.
func (s *Service) HasHealthcheck(ctx context.Context, ref string) (bool, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return false, err
	}
	_, ok := c.check()
	return ok, nil
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
