package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/sys/signal"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/state"
)

const (
	defaultStopTimeout = 10 // seconds, Docker's
	killTimeout        = 10 * time.Second
)

// lastSignal is the highest number of a signal that Linux has.
const lastSignal = 64

// stopSignal reads a signal's name or number; empty is SIGTERM.
func stopSignal(text string) (syscall.Signal, error) {
	if text == "" {
		return syscall.SIGTERM, nil
	}
	sig, err := signal.ParseSignal(text)
	if err != nil || sig > lastSignal {
		return 0, errorf(errdefs.ErrInvalidArgument, "invalid signal: %s", text)
	}
	return sig, nil
}

// Stop asks a container to end, and kills it when it does not in time. Stopping
// a stopped one is no error. Its restart policy does not bring it back.
func (s *Service) Stop(ctx context.Context, ref string, opts StopOptions) error {
	c, err := s.change(ctx, ref)
	if err != nil {
		return err
	}
	if c.Foreign {
		return s.stopForeign(ctx, c, opts)
	}
	err = s.stop(ctx, c, opts, false)
	if errdefs.IsInvalidArgument(err) { // the signal
		return cannot("stop", ref, err)
	}
	return err
}

// stop ends a container. With again, it is about to be started: no policy and no
// --rm applies to this end.
func (s *Service) stop(ctx context.Context, c *Container, opts StopOptions, again bool) error {
	text := opts.Signal
	if text == "" {
		text = c.Config.StopSignal
	}
	sig, err := stopSignal(text)
	if err != nil {
		return err
	}
	if err := s.markStopped(ctx, c.ID); err != nil {
		return err
	}
	if !c.Running() { // its policy may have started it again before it was marked
		if c, err = s.get(ctx, c.ID); err != nil {
			return ignoreNotFound(err)
		}
	}
	if !c.Running() {
		_, err := s.Finish(ctx, c.ID)
		return ignoreNotFound(err)
	}
	e := s.claim(ctx, c)
	defer e.close()
	if err := s.signalAndWait(ctx, c, sig, stopTimeout(c, opts)); err != nil {
		return err
	}
	if !again {
		return s.finishClaimed(ctx, c.ID, e, true)
	}
	e.drained(ctx)
	defer func() { _ = e.done(false) }()
	return s.locked(ctx, c.ID, func(c *Container) error {
		if !c.ended() {
			return nil
		}
		if err := s.recordExit(ctx, c, true); err != nil {
			return err
		}
		return s.saveStatus(ctx, c)
	})
}

// finishClaimed handles the end of a container whose process is gone; stopped
// says that a command to stop brought it about.
func (s *Service) finishClaimed(ctx context.Context, id string, e *ending, stopped bool) error {
	e.drained(ctx)
	again, err := s.finish(ctx, id, stopped)
	if ignoreNotFound(err) != nil {
		return err
	}
	if again.Wanted { // left to the monitor, which asks again, waits and restarts
		return nil
	}
	if e.done(true) {
		return nil
	}
	return s.Cleanup(ctx, id)
}

func stopTimeout(c *Container, opts StopOptions) time.Duration {
	seconds := defaultStopTimeout
	if c.Config.StopTimeout != nil {
		seconds = *c.Config.StopTimeout
	}
	if opts.Timeout != nil {
		seconds = *opts.Timeout
	}
	if seconds < 0 {
		return 0 // forever
	}
	return max(time.Duration(seconds)*time.Second, time.Nanosecond)
}

// markStopped records, before the signal, that the end is wanted: whoever
// handles it does not restart the container. A pending restart is called off.
func (s *Service) markStopped(ctx context.Context, id string) error {
	return s.locked(ctx, id, func(c *Container) error {
		pending := c.Status.State == container.StateRestarting
		if c.Status.StoppedByHand && !pending {
			return nil
		}
		c.Status.StoppedByHand = true
		if pending {
			c.Status.State = container.StateExited
		}
		return s.saveStatus(ctx, c)
	})
}

// signalAndWait sends sig and, after the timeout (0: never), SIGKILL.
func (s *Service) signalAndWait(ctx context.Context, c *Container, sig syscall.Signal, timeout time.Duration) error {
	if c.Status.State == container.StatePaused {
		if err := s.tasks.Resume(ctx, c.ID); err != nil {
			return err
		}
	}
	if err := s.signal(ctx, c, sig); err != nil {
		return err
	}
	gone, err := waitProcess(ctx, c.Status.Process, timeout)
	if err != nil || gone {
		return err
	}
	return s.kill(ctx, c)
}

// kill ends a container by force and waits until its process is gone.
func (s *Service) kill(ctx context.Context, c *Container) error {
	err := s.signal(ctx, c, syscall.SIGKILL)
	gone, werr := waitProcess(ctx, c.Status.Process, insistTimeout)
	if gone || err != nil || werr != nil {
		return errors.Join(err, werr)
	}
	// A shim that does not answer: the process itself still does. And a runtime
	// that hangs while it brings a command in keeps the first process from ending.
	_ = unix.Kill(c.Status.Process.PID, unix.SIGKILL)
	_ = s.eachShim(c.ID, ctrd.Shim.KillChildren)
	if gone, err := waitProcess(ctx, c.Status.Process, killTimeout); gone || err != nil {
		return err
	}
	return fmt.Errorf("container %s did not end after SIGKILL: its process %d is stuck in the kernel", c.Name, c.Status.Process.PID)
}

func (s *Service) signal(ctx context.Context, c *Container, sig syscall.Signal) error {
	err := s.tasks.Kill(ctx, c.ID, "", sig, false)
	if err != nil && c.Status.Process.Alive() && !errdefs.IsNotFound(err) {
		return fmt.Errorf("sending %s to container %s: %w", unix.SignalName(sig), c.Name, err)
	}
	if err == nil {
		s.emitKill(ctx, c, sig)
	}
	return nil
}

// Kill sends a signal to a running container. SIGKILL is waited for, as dockerd does.
func (s *Service) Kill(ctx context.Context, ref, sigName string) error {
	err := s.killWith(ctx, ref, sigName)
	if errdefs.IsInvalidArgument(err) || errdefs.IsNotFound(err) || errdefs.IsFailedPrecondition(err) { // not a failure of containerd's
		return cannot("kill", ref, err)
	}
	return err
}

// cannot says in Docker's words which verb was refused for which container.
func cannot(verb, ref string, err error) error {
	return &messageError{msg: fmt.Sprintf("cannot %s container: %s: %v", verb, strings.TrimPrefix(ref, "/"), err), kind: err}
}

func (s *Service) killWith(ctx context.Context, ref, sigName string) error {
	if sigName == "" {
		sigName = "SIGKILL"
	}
	sig, err := stopSignal(sigName)
	if err != nil {
		return err
	}
	c, err := s.change(ctx, ref)
	if err != nil {
		return err
	}
	if c.Status.State == container.StateRestarting { // there is nothing to kill but the restart
		return s.stop(ctx, c, StopOptions{}, false)
	}
	if !c.Running() {
		return errorf(errdefs.ErrFailedPrecondition, "container %s is not running", c.ID)
	}
	if c.Foreign {
		return s.killForeign(ctx, c, sig)
	}
	wanted, err := endsByHand(c, sig)
	if err != nil {
		return err
	}
	if wanted {
		if err := s.markStopped(ctx, c.ID); err != nil {
			return err
		}
	}
	if sig != syscall.SIGKILL {
		return s.signal(ctx, c, sig)
	}
	e := s.claim(ctx, c)
	defer e.close()
	if err := s.kill(ctx, c); err != nil {
		return err
	}
	return s.finishClaimed(ctx, c.ID, e, false)
}

// endsByHand tells whether an end that follows a signal counts as wanted, so that
// no policy restarts the container. Docker takes any signal for that unless the
// container names another as the one that stops it.
func endsByHand(c *Container, sig syscall.Signal) (bool, error) {
	own, err := stopSignal(c.Config.StopSignal)
	return sig == syscall.SIGKILL || c.Config.StopSignal == "" || sig == own || c.HostConfig.RestartPolicy.IsUnlessStopped(), err
}

// waitProcess waits until a process is gone, at most for timeout (0: no limit).
func waitProcess(ctx context.Context, p state.Process, timeout time.Duration) (gone bool, err error) {
	if !p.Alive() {
		return true, nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("watching process %d: %w", p.PID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	deadline := time.Now().Add(timeout)
	for p.Alive() {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		slice := 100 * time.Millisecond // so that a cancelled context is seen
		if left := time.Until(deadline); timeout > 0 {
			if left <= 0 {
				return false, nil
			}
			slice = min(slice, left)
		}
		ts := unix.NsecToTimespec(slice.Nanoseconds())
		_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &ts, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false, err
		}
	}
	return true, nil
}

// Pause freezes a running container.
func (s *Service) Pause(ctx context.Context, ref string) error {
	return s.freeze(ctx, ref, container.StateRunning, container.StatePaused, events.ActionPause, s.tasks.Pause)
}

// Unpause lets a paused container go on.
func (s *Service) Unpause(ctx context.Context, ref string) error {
	return s.freeze(ctx, ref, container.StatePaused, container.StateRunning, events.ActionUnPause, s.tasks.Resume)
}

func (s *Service) freeze(ctx context.Context, ref string, from, to container.ContainerState, action events.Action, act func(context.Context, string) error) error {
	c, err := s.change(ctx, ref)
	if err != nil {
		return err
	}
	if c.Foreign {
		return s.freezeForeign(ctx, c, from, to, act)
	}
	return s.locked(ctx, c.ID, func(c *Container) error {
		if err := checkFreeze(c, from, to); err != nil {
			return err
		}
		if err := s.freezeLocked(ctx, c, to, act); err != nil {
			return err
		}
		s.emit(ctx, c, action)
		return nil
	})
}

func ignoreNotFound(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
