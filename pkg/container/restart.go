package container

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
)

// Docker's back-off between restarts: it doubles from the first to the last, and
// starts anew when the container stayed up for restartReset.
const (
	restartFirst = 100 * time.Millisecond
	restartLast  = time.Minute
	restartReset = 10 * time.Second
)

// restartWanted applies the restart policy to a container that just ended.
func restartWanted(c *Container) Restart {
	p := c.HostConfig.RestartPolicy
	st := &c.Status
	if st.StoppedByHand {
		return Restart{}
	}
	switch p.Name {
	case container.RestartPolicyAlways, container.RestartPolicyUnlessStopped:
	case container.RestartPolicyOnFailure:
		if st.ExitCode == 0 || p.MaximumRetryCount > 0 && st.RestartCount >= p.MaximumRetryCount {
			return Restart{}
		}
	default:
		return Restart{}
	}
	if st.FinishedAt.Sub(st.StartedAt) >= restartReset {
		st.Backoff = 0
	}
	st.Backoff = min(max(2*st.Backoff, restartFirst), restartLast)
	return Restart{Wanted: true, After: st.Backoff}
}

// RestartExited starts a container that Finish said is to be restarted, unless
// it was stopped, started or removed meanwhile.
func (s *Service) RestartExited(ctx context.Context, id string) error {
	c, err := s.get(ctx, id)
	if err != nil || c.Status.State != container.StateRestarting {
		return ignoreNotFound(err)
	}
	run, err := s.startByID(ctx, id, StartOptions{byPolicy: true})
	if err != nil || run == nil {
		return ignoreNotFound(err)
	}
	return run.detach()
}

// Restart stops a container, if it runs, and starts it.
func (s *Service) Restart(ctx context.Context, ref string, opts StopOptions) error {
	c, err := s.own(ctx, ref, "restart")
	if err != nil {
		return err
	}
	if err := s.stop(ctx, c, opts, true); err != nil {
		return err
	}
	run, err := s.startByID(ctx, c.ID, StartOptions{})
	if err != nil {
		return err
	}
	s.emit(ctx, c, events.ActionRestart)
	return run.detach()
}

// Restore starts, after the host or the engine was restarted, what its policy
// says: "always", and "unless-stopped" and "on-failure" if it was running. What
// was running and is not restarted is recorded as ended.
func (s *Service) Restore(ctx context.Context) ([]string, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	var started []string
	var failed error
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil || c.Foreign {
			failed = errors.Join(failed, err)
			continue
		}
		ok, err := s.restore(ctx, c)
		failed = errors.Join(failed, err)
		if ok {
			started = append(started, c.Name)
		}
	}
	return started, failed
}

func (s *Service) restore(ctx context.Context, c *Container) (started bool, err error) {
	if c.Running() {
		mon, err := s.dialMonitor(ctx, c)
		if err != nil {
			return false, err
		}
		return false, mon.Close()
	}
	if c.ended() { // how it has ended decides what its policy says
		if _, err := s.Finish(ctx, c.ID); err != nil {
			return false, err
		}
		if c, err = s.get(ctx, c.ID); err != nil {
			return false, ignoreNotFound(err)
		}
	}
	if !restoreWanted(c) {
		return false, nil
	}
	run, err := s.startByID(ctx, c.ID, StartOptions{})
	if err != nil || run == nil {
		return false, err
	}
	return true, run.detach()
}

// restoreWanted is Docker's rule at the start of its daemon, but that "on-failure"
// does not bring back what was stopped by hand or had ended for good before.
func restoreWanted(c *Container) bool {
	switch c.HostConfig.RestartPolicy.Name {
	case container.RestartPolicyAlways:
		return c.Status.State != container.StateCreated
	case container.RestartPolicyUnlessStopped:
		return c.Status.State != container.StateCreated && !c.Status.StoppedByHand
	case container.RestartPolicyOnFailure:
		return c.Status.State == container.StateRestarting
	}
	return false
}

// notRunning is Docker's refusal of a verb that needs a running container.
func notRunning(c *Container) error {
	if c.Status.State == container.StateRestarting {
		return errorf(errdefs.ErrFailedPrecondition, "Container %s is restarting, wait until the container is running", c.ID)
	}
	return errorf(errdefs.ErrFailedPrecondition, "container %s is not running", c.ID)
}
