package container

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/health"
	"github.com/nerd-cli/nerd/pkg/state"
)

// extHealth is the key of a container's health. It is apart from the status,
// because checks write it while other commands write that.
const extHealth = "nerd.health"

// healthCleanup bounds how long the command of a check that took too long may
// take to go away.
const healthCleanup = 2 * time.Second

// probeStart bounds how long the runtime may take to start a check's command.
const probeStart = 30 * time.Second

// ErrNoHealthcheck says that a container has no health check.
var ErrNoHealthcheck = errors.New("no health check is configured")

// check is the container's health check, if it has one.
func (c *Container) check() (health.Check, bool) {
	if c.Config == nil {
		return health.Check{}, false
	}
	return health.Of(c.Config.Healthcheck, c.Config.Shell)
}

// health is what is shown of the last checks. While nobody checks, because the
// container is paused or has ended, it counts as unhealthy.
func (c *Container) health() *container.Health {
	if c.Status.State == container.StateRunning && c.Running() {
		return c.Health
	}
	return health.Halt(c.Health)
}

// nextCheck is the time until the next check; 0: there is none.
func (c *Container) nextCheck() time.Duration {
	check, ok := c.check()
	switch {
	case !ok:
		return 0
	case c.Health == nil || !c.Running():
		return check.Wait(container.Starting, 0)
	}
	return check.Wait(c.Health.Status, time.Since(c.Status.StartedAt))
}

// saveStatusAndHealth publishes both at once.
func (s *Service) saveStatusAndHealth(ctx context.Context, c *Container) error {
	if c.Health == nil {
		return s.saveStatus(ctx, c)
	}
	st, err := encode(c.Status)
	if err != nil {
		return err
	}
	return s.saveHealth(ctx, c, map[string]typeurl.Any{extStatus: st}, "extensions."+extStatus)
}

// saveHealth publishes the health, with other extensions if need be.
func (s *Service) saveHealth(ctx context.Context, c *Container, with map[string]typeurl.Any, fields ...string) error {
	h, err := encode(c.Health)
	if err != nil {
		return err
	}
	all := map[string]typeurl.Any{extHealth: h}
	for key, value := range with {
		all[key] = value
	}
	_, err = s.store.Update(ctx, containers.Container{ID: c.ID, Extensions: all}, append(fields, "extensions."+extHealth)...)
	if err != nil {
		return fmt.Errorf("writing the health of container %s: %w", c.Name, err)
	}
	return nil
}

// startHealth puts the health of a container that is being started into c.
func (c *Container) startHealth() {
	if _, ok := c.check(); ok {
		c.Health = health.Start(c.Health)
	}
}

// lastOutput says of the last check what a line has room for.
func lastOutput(h *container.Health) string {
	if h == nil || len(h.Log) == 0 {
		return ""
	}
	last := h.Log[len(h.Log)-1]
	line, _, _ := strings.Cut(strings.TrimSpace(last.Output), "\n")
	if line == "" {
		return fmt.Sprintf(": its last check ended with exit code %d", last.ExitCode)
	}
	return fmt.Sprintf(": its last check ended with exit code %d: %s", last.ExitCode, line)
}

// CheckHealth is called by the monitor of a running container: it checks the
// health once, records the result and says when the next check is due.
func (s *Service) CheckHealth(ctx context.Context, id string) (next time.Duration, err error) {
	c, err := s.get(ctx, id)
	if err != nil {
		return 0, err
	}
	check, ok := c.check()
	if !ok {
		return 0, ErrNoHealthcheck
	}
	l, err := s.lockHealth(ctx, id, time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) { // somebody else is checking it just now
		return check.Interval, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Release() }()
	_, status, err := s.checkOnce(ctx, c, check)
	if errdefs.IsFailedPrecondition(err) {
		return check.Interval, nil
	}
	if err != nil {
		return 0, errors.Join(err, s.discardRemoved(ctx, id))
	}
	return check.Wait(status, time.Since(c.Status.StartedAt)), nil
}

// discardRemoved removes the folder of a container that was removed during a
// check, whose lock and streams may have made it again.
func (s *Service) discardRemoved(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthCleanup)
	defer cancel()
	if _, err := s.get(ctx, id); errdefs.IsNotFound(err) {
		return s.discard(id)
	}
	return nil
}

// Healthcheck checks a running container's health now, besides the checks that
// its monitor times. It returns the result and what that makes of the container.
func (s *Service) Healthcheck(ctx context.Context, ref string) (container.HealthcheckResult, container.HealthStatus, error) {
	c, err := s.own(ctx, ref, "check the health of")
	if err != nil {
		return container.HealthcheckResult{}, "", err
	}
	check, ok := c.check()
	if !ok {
		return container.HealthcheckResult{}, "", errorf(errdefs.ErrFailedPrecondition, "container %s has no health check: give it one with --health-cmd when you create it", c.Name)
	}
	l, err := s.lockHealth(ctx, c.ID, check.Timeout+probeStart+healthCleanup)
	if err != nil {
		return container.HealthcheckResult{}, "", err
	}
	defer func() { _ = l.Release() }()
	return s.checkOnce(ctx, c, check)
}

// lockHealth keeps checks of one container from overlapping, those of a monitor
// that was killed included.
func (s *Service) lockHealth(ctx context.Context, id string, wait time.Duration) (*state.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return state.AcquireLock(ctx, filepath.Join(s.cfg.Layout.ContainerRun(id), "health.lock"))
}

// checkOnce runs the check's command and records the result. A container that
// does not run any more by then, or is paused, is a FailedPrecondition, and
// nothing is recorded.
func (s *Service) checkOnce(ctx context.Context, c *Container, check health.Check) (container.HealthcheckResult, container.HealthStatus, error) {
	if err := checkable(c); err != nil {
		return container.HealthcheckResult{}, "", err
	}
	result := s.probe(ctx, c, check)
	if err := ctx.Err(); err != nil {
		return result, "", err
	}
	var status container.HealthStatus
	err := s.locked(ctx, c.ID, func(again *Container) error {
		if err := checkable(again); err != nil {
			return err
		}
		if again.Status.Process != c.Status.Process {
			return errorf(errdefs.ErrFailedPrecondition, "container %s was restarted during the check", c.Name)
		}
		var before container.HealthStatus
		if again.Health != nil {
			before = again.Health.Status
		}
		again.Health = check.Apply(again.Health, result, again.Status.StartedAt)
		status = again.Health.Status
		if err := s.saveHealth(ctx, again, nil); err != nil {
			return err
		}
		if status != before {
			s.emit(ctx, again, events.Action(string(events.ActionHealthStatus)+": "+string(status)))
		}
		return nil
	})
	return result, status, err
}

func checkable(c *Container) error {
	switch {
	case !c.Running():
		return notRunning(c)
	case c.Status.State == container.StatePaused:
		return errorf(errdefs.ErrFailedPrecondition, "container %s is paused, unpause the container before a health check", c.Name)
	}
	return nil
}

// probe runs the check's command. Whatever goes wrong is a result as well.
func (s *Service) probe(ctx context.Context, c *Container, check health.Check) container.HealthcheckResult {
	var out health.Output
	result := container.HealthcheckResult{Start: now(), ExitCode: health.FailedToRun}
	opts := ExecOptions{Cmd: check.Command, Streams: Streams{Stdout: &out, Stderr: &out}}
	// How long the runtime takes to start the command is not the command's fault.
	limited, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(check.Timeout+probeStart, func() { cancel(context.DeadlineExceeded) })
	defer func() { timer.Stop(); cancel(nil) }()
	x := &execution{s: s, c: c, id: newID(), opts: opts, started: func() { timer.Reset(check.Timeout) }}
	p, err := s.execProcess(c, opts)
	var outcome Outcome
	if err == nil {
		outcome, err = x.run(limited, p)
	}
	switch {
	case err == nil:
		result.ExitCode, result.Output = outcome.ExitCode, out.String()
	case limited.Err() != nil:
		s.killExec(ctx, c.ID, x.id)
		result.Output = health.TookTooLong(check.Timeout, out.String())
	default:
		result.Output = err.Error()
	}
	result.Output = strings.ToValidUTF8(result.Output, "\uFFFD")
	result.End = now()
	return result
}

// killExec ends a command that runs in a container and forgets it.
func (s *Service) killExec(ctx context.Context, id, execID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthCleanup)
	defer cancel()
	_ = s.poll(ctx, func() (bool, error) {
		// It may not have been started yet, or be gone already.
		if err := s.tasks.Kill(ctx, id, execID, syscall.SIGKILL, false); err == nil {
			_, _ = s.tasks.Wait(ctx, id, execID) // that it is over is all that counts
		}
		_, err := s.tasks.Delete(ctx, id, execID)
		return err == nil || errdefs.IsNotFound(err), nil
	})
}

// stopChecks has the monitor of a container that is about to be paused leave it
// alone; a check that runs is broken off. The command of one would be frozen, too.
func (s *Service) stopChecks(ctx context.Context, c *Container) error {
	if _, ok := c.check(); !ok {
		return nil
	}
	mon, err := s.dialMonitor(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = mon.Close() }()
	return mon.StopHealth(ctx)
}

// resumeChecks has the monitor go on with a full interval.
func (s *Service) resumeChecks(ctx context.Context, c *Container) error {
	if _, ok := c.check(); !ok {
		return nil
	}
	mon, err := s.dialMonitor(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = mon.Close() }()
	return mon.ResumeHealth(ctx, c.nextCheck())
}
