package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/state"
)

const (
	drainTimeout = 5 * time.Second  // for output that a dead container left in its FIFOs
	exitTimeout  = 10 * time.Second // for containerd to notice that a process is gone
	lostExitCode = 255              // of a container whose end nobody saw, as in Docker
)

// Restart says that an ended container is to be started again.
type Restart struct {
	Wanted bool
	After  time.Duration // back-off
}

// Finish handles the end of a container: it records the exit status, deletes the
// task and releases the network, then removes the container if it was to be
// removed, or says that its policy wants it restarted. It is idempotent: whoever
// sees the end first does the work, in any process. The monitor has already
// drained the output when it calls this.
func (s *Service) Finish(ctx context.Context, id string) (Restart, error) {
	return s.finish(ctx, id, false)
}

// finish is Finish; stopped says that a command to stop brought the end about.
func (s *Service) finish(ctx context.Context, id string, stopped bool) (Restart, error) {
	var again Restart
	err := s.locked(ctx, id, func(c *Container) error {
		switch {
		case c.Running():
			return nil
		case c.Status.State == container.StateRestarting: // decided before, by a process that left it to the monitor
			again = Restart{Wanted: true, After: c.Status.Backoff}
			return nil
		case !c.ended():
			return s.clearRemains(ctx, c)
		}
		if err := s.recordExit(ctx, c, stopped); err != nil {
			return err
		}
		if again = restartWanted(c); again.Wanted {
			c.Status.State = container.StateRestarting
			c.Status.RestartCount++
			return s.saveStatus(ctx, c)
		}
		return s.release(ctx, c)
	})
	if errdefs.IsNotFound(err) { // removed meanwhile: only the network may be left
		return Restart{}, s.cleanup(ctx, id)
	}
	return again, err
}

// settle brings a container whose end nobody handled to the state it should be
// in. The caller holds its lock and is about to do something else with it.
func (s *Service) settle(ctx context.Context, c *Container) error {
	if !c.ended() {
		return nil
	}
	s.drain(ctx, c)
	if err := s.recordExit(ctx, c, false); err != nil {
		return err
	}
	return s.saveStatus(ctx, c)
}

// drain waits until the output of an ended container is in its log. A monitor
// that was killed is started again for it. Nothing can be done about an error,
// and the exit has to be handled all the same.
func (s *Service) drain(ctx context.Context, c *Container) {
	e := s.claim(ctx, c)
	defer e.close()
	e.drained(ctx)
	_ = e.done(false)
}

// recordExit deletes the task, puts how it ended into c.Status and tells of it.
// It does not save it.
func (s *Service) recordExit(ctx context.Context, c *Container, stopped bool) error {
	oom := exists(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), monitor.OOMName)) || oomKilled(c.ID)
	exit, err := s.deleteTask(ctx, c.ID)
	switch {
	case errdefs.IsNotFound(err): // the host restarted, or containerd lost it
		exit = s.noted(c.ID, c.Status.StartedAt)
	case err != nil:
		return fmt.Errorf("deleting the task of container %s: %w", c.Name, err)
	}
	c.Status.State, c.Status.Process = container.StateExited, state.Process{}
	c.Status.ExitCode, c.Status.FinishedAt, c.Status.OOMKilled = int(exit.Code), exit.At.UTC(), oom
	s.emitEnd(ctx, c, stopped)
	s.unmountSources(ctx, c)
	if err := s.forgetNames(ctx, c); err != nil {
		return err
	}
	c.Status.Networks = nil
	return nil
}

// forgetNames keeps others from finding an ended container by name until its
// network is given back, which is done in the background.
func (s *Service) forgetNames(ctx context.Context, c *Container) error {
	for name := range c.Status.Networks {
		if container.NetworkMode(name).IsUserDefined() {
			return s.cfg.Networks.Retire(ctx, c.ID)
		}
	}
	return nil
}

// release gives back what an ended container held, and removes it with --rm. A
// network with published ports is taken down at once, because the next command
// may want the port; any other is left to the monitor, which calls Cleanup: the
// kernel takes a tenth of a second for it.
func (s *Service) release(ctx context.Context, c *Container) error {
	if err := s.releasePorts(ctx, c); err != nil {
		return err
	}
	if c.HostConfig.AutoRemove {
		return s.remove(ctx, c)
	}
	c.Status.Ports, c.Status.Networks = nil, nil
	return s.saveStatus(ctx, c)
}

// releasePorts takes the network down now if ports are published.
func (s *Service) releasePorts(ctx context.Context, c *Container) error {
	if len(c.Status.Ports) == 0 {
		return nil
	}
	return s.cfg.Networks.Detach(ctx, c.ID)
}

// Cleanup releases the network of a container that has ended or is gone. It does
// nothing to one that runs.
func (s *Service) Cleanup(ctx context.Context, id string) error {
	err := s.locked(ctx, id, func(c *Container) error {
		if c.Running() || c.Status.State == container.StateRestarting {
			return nil
		}
		return s.cfg.Networks.Detach(ctx, id)
	})
	if errdefs.IsNotFound(err) {
		return s.cleanup(ctx, id)
	}
	return err
}

// cleanup takes away what a removed container left.
func (s *Service) cleanup(ctx context.Context, id string) error {
	return errors.Join(s.cfg.Networks.Detach(ctx, id), s.dropVolumes(ctx, id), s.discard(id))
}

// clearRemains undoes a start that was killed before the process ran, and with
// --rm the whole container: nobody will come back for it.
func (s *Service) clearRemains(ctx context.Context, c *Container) error {
	if c.Status.State != container.StateCreated { // its monitor, which may be waiting for this, ends by itself
		return s.cfg.Networks.Detach(ctx, c.ID)
	}
	s.dismissMonitor(ctx, c.ID)
	if err := errors.Join(s.killTask(ctx, c.ID), s.strays(ctx, c.ID)); err != nil {
		return err
	}
	if err := s.cfg.Networks.Detach(ctx, c.ID); err != nil {
		return err
	}
	if c.HostConfig.AutoRemove {
		return s.remove(ctx, c)
	}
	return nil
}

// abandoned tells whether a container was being started by a process that died,
// and is of no use to anybody. The lock is held by whoever starts it.
func (s *Service) abandoned(ctx context.Context, c *Container) bool {
	if !c.HostConfig.AutoRemove || c.Status.State != container.StateCreated {
		return false
	}
	try, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	l, err := s.lock(try, c.ID)
	if err != nil {
		return false
	}
	_ = l.Release()
	return true
}

// CloseStdin closes the shim's end of a container's standard input.
func (s *Service) CloseStdin(ctx context.Context, id string) error {
	err := s.tasks.CloseStdin(ctx, id, "")
	if errdefs.IsNotFound(err) || errdefs.IsFailedPrecondition(err) {
		return nil
	}
	return err
}

// oomKilled asks the container's control group, which lasts until the task is
// deleted, whether the kernel killed in it for want of memory.
func oomKilled(id string) bool {
	for _, dir := range []string{"memory/nerd", "memory", "nerd", "system.slice"} {
		for _, name := range []string{id, "nerd-" + id + ".scope"} {
			for _, file := range []string{"memory.oom_control", "memory.events"} {
				data, err := os.ReadFile(filepath.Join(cgroupRoot, dir, name, file))
				if err == nil {
					return oomCount(string(data)) > 0
				}
			}
		}
	}
	return false
}

// oomCount reads the line "oom_kill N", which both versions of cgroups have.
func oomCount(text string) int {
	for _, line := range strings.Split(text, "\n") {
		var n int
		if _, err := fmt.Sscanf(line, "oom_kill %d", &n); err == nil {
			return n
		}
	}
	return 0
}
