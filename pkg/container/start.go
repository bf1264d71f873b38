package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/state"
)

// exitUnknown is the exit code of a container that could not start, as in Docker.
const exitUnknown = 128

// Run creates and starts a container as one pipeline: its network is wired while
// the root file system is made and the runtime prepares the process.
func (s *Service) Run(ctx context.Context, opts CreateOptions, start StartOptions) (id string, out Outcome, err error) {
	if err := start.Attach.check(); err != nil {
		return "", Outcome{}, err
	}
	p, err := s.plan(ctx, opts)
	if err != nil {
		return "", Outcome{}, err
	}
	l, err := s.lock(ctx, p.ID)
	if err != nil {
		return "", Outcome{}, err
	}
	unlock := func() { _ = l.Release() }
	var u undo
	if err := s.reserve(ctx, p, &u); err != nil {
		u.run(ctx, &err)
		unlock()
		return "", Outcome{}, err
	}
	st := s.stage(ctx, &p.Container)
	rootfs, err := []mount.Mount(nil), st.heldErr // a port that is taken ends it before anything is made
	if err == nil {
		rootfs, err = s.make(ctx, p, &u)
	}
	if err != nil {
		st.abandon(ctx, &err)
		u.run(ctx, &err)
		unlock()
		return "", Outcome{}, err
	}
	for _, w := range p.warnings {
		if start.Warn != nil {
			start.Warn(w)
		}
	}
	s.emit(ctx, &p.Container, events.ActionCreate)
	if start.Attach != nil {
		s.emit(ctx, &p.Container, events.ActionAttach)
	}
	run, err := s.launch(ctx, &p.Container, rootfs, st, start)
	if err != nil {
		err = s.failedStart(ctx, &p.Container, Status{}, start, err)
		unlock()
		return p.ID, Outcome{}, err
	}
	unlock()
	if start.Started != nil {
		start.Started()
	}
	out, err = run.follow(ctx)
	return p.ID, out, err
}

// Start starts a container that was created before. Starting a running one is
// no error, as in Docker.
func (s *Service) Start(ctx context.Context, ref string, start StartOptions) (Outcome, error) {
	if err := start.Attach.check(); err != nil {
		return Outcome{}, err
	}
	c, err := s.own(ctx, ref, "start")
	if err != nil {
		return Outcome{}, err
	}
	run, err := s.startByID(ctx, c.ID, start)
	if err != nil || run == nil {
		return Outcome{}, err
	}
	if start.Started != nil {
		start.Started()
	}
	return run.follow(ctx)
}

// startByID starts a container under its lock. A nil running says that it was
// running already and nobody attaches.
func (s *Service) startByID(ctx context.Context, id string, start StartOptions) (*running, error) {
	var run *running
	s.retireMonitor(ctx, id)
	err := s.locked(ctx, id, func(c *Container) error {
		if err := s.restorable(c, start.Checkpoint); err != nil {
			return err
		}
		if start.Attach != nil {
			s.emit(ctx, c, events.ActionAttach)
		}
		if c.Running() {
			if start.Attach == nil {
				return nil
			}
			var err error
			run, err = s.join(ctx, c, *start.Attach)
			return err
		}
		if start.byPolicy && c.Status.State != container.StateRestarting {
			return nil // it was stopped meanwhile
		}
		if err := s.settle(ctx, c); err != nil {
			return err
		}
		rootfs, err := s.cfg.Backend.Snapshots(c.Driver).Mounts(ctx, c.SnapshotKey)
		if err != nil {
			return fmt.Errorf("root file system of container %s: %w", c.Name, err)
		}
		c.Status.StoppedByHand = false
		if !start.byPolicy { // restarts are counted anew
			c.Status.RestartCount, c.Status.Backoff = 0, 0
		}
		before := c.Status
		run, err = s.launch(ctx, c, rootfs, s.stage(ctx, c), start)
		if err != nil {
			return s.failedStart(ctx, c, before, start, err)
		}
		return nil
	})
	return run, err
}

// launch creates and starts the task. The caller holds the container's lock.
func (s *Service) launch(ctx context.Context, c *Container, rootfs []mount.Mount, st *stage, start StartOptions) (run *running, err error) {
	defer func() {
		if err != nil {
			st.abandon(ctx, &err)
			s.unmountSources(context.WithoutCancel(ctx), c)
		}
	}()
	mon, err := st.monitor()
	if err != nil {
		return nil, err
	}
	s.keepAlive(mon, c)
	if err := st.sandbox(); err != nil {
		return nil, err
	}
	if err := s.mountSources(ctx, c); err != nil {
		return nil, err
	}
	pid, err := s.createTask(ctx, c, rootfs, start.Checkpoint)
	s.unstage(c)
	if err != nil {
		return nil, err
	}
	run = &running{s: s, c: c, mon: mon, attach: start.Attach, starting: start.Starting}
	if err := s.startTask(ctx, c, st.wiring, run, pid); err != nil {
		_ = s.killTask(context.WithoutCancel(ctx), c.ID)
		return nil, err
	}
	return run, nil
}

// createTask has the runtime prepare the process. A task left by a start that
// was killed is removed and the creation tried again.
func (s *Service) createTask(ctx context.Context, c *Container, rootfs []mount.Mount, cp *Checkpoint) (int, error) {
	if c.AppArmor == ctrd.AppArmorProfile { // a reboot empties the kernel's list
		if err := ctrd.LoadAppArmorProfile(); err != nil {
			return 0, fmt.Errorf("AppArmor profile %s: %w", c.AppArmor, err)
		}
	}
	still, err := s.joinNamespaces(ctx, c)
	if err != nil {
		return 0, err
	}
	if err := s.linkEnv(ctx, c); err != nil {
		return 0, err
	}
	pid, err := s.createProcess(ctx, c, rootfs, cp)
	if errdefs.IsAlreadyExists(err) {
		if err := s.killTask(ctx, c.ID); err != nil {
			return 0, err
		}
		pid, err = s.createProcess(ctx, c, rootfs, cp)
	}
	if err != nil {
		return 0, ctrd.StartError(err, c.Path)
	}
	if err := still(); err != nil {
		return 0, errors.Join(err, s.killTask(context.WithoutCancel(ctx), c.ID))
	}
	return int(pid), nil
}

// startTask waits for the network and lets the process go. The status is
// written meanwhile; if the start fails, failedStart corrects it. Without a pid
// the processes are restored, and there are none before the start.
func (s *Service) startTask(ctx context.Context, c *Container, w *wiring, run *running, pid int) error {
	restored := pid == 0
	proc := state.Process{}
	var err error
	if !restored {
		if proc, err = state.FindProcess(pid); err != nil {
			return fmt.Errorf("process of container %s: %w", c.Name, err)
		}
	}
	att, ports, err := w.wait()
	if err != nil {
		return err
	}
	s.emitNetworks(ctx, c, events.ActionConnect, att.Networks)
	c.Status.Networks = c.endpointSettings(att.Networks)
	if err := s.writeNetworkFiles(ctx, c, att); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), monitor.OOMName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.writeForwards(c, att, ports); err != nil {
		return err
	}
	if restored {
		if proc, err = s.startRestored(ctx, c); err != nil {
			return err
		}
	}
	if err := run.mon.Started(ctx, proc.PID); err != nil {
		return fmt.Errorf("monitor of container %s: %w", c.Name, err)
	}
	if err := run.prepare(ctx); err != nil {
		return err
	}
	c.Status.State, c.Status.Process, c.Status.StartedAt = container.StateRunning, proc, now()
	c.Status.ExitCode, c.Status.Error, c.Status.OOMKilled = 0, "", false
	c.Status.Ports = ports
	c.startHealth()
	if run.starting != nil {
		run.starting()
	}
	var g errgroup.Group
	g.Go(func() error { return s.saveStatusAndHealth(ctx, c) })
	if !restored {
		g.Go(func() error {
			_, err := s.tasks.Start(ctx, c.ID, "")
			return ctrd.StartError(err, c.Path)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.volumesStarted(ctx, c)
	if err := s.updateLinked(ctx, c); err != nil {
		return err
	}
	s.emit(ctx, c, events.ActionStart)
	return nil
}

// failedStart leaves a container that could not start as Docker does: there, with
// the error, in state created or, if it has run before, as it had ended; gone if
// it was to be removed at its end. No policy tries again.
func (s *Service) failedStart(ctx context.Context, c *Container, before Status, start StartOptions, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	s.emitNetworks(ctx, c, events.ActionDisconnect, c.Status.Networks)
	if c.HostConfig.AutoRemove {
		return errors.Join(cause, s.remove(ctx, c))
	}
	c.Status.State, c.Status.Process = container.StateCreated, state.Process{}
	c.Status.StartedAt, c.Status.FinishedAt = before.StartedAt, now()
	c.Status.ExitCode, c.Status.Error = errs.Code(cause, cmp.Or(before.ExitCode, exitUnknown)), firstLine(cause)
	if !before.StartedAt.IsZero() {
		c.Status.State, c.Status.FinishedAt = container.StateExited, before.FinishedAt
	}
	if start.byPolicy {
		c.Status.ExitCode = before.ExitCode
	}
	c.Status.Ports, c.Status.Networks = nil, nil
	return errors.Join(cause, s.saveStatus(ctx, c))
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// stdio are the FIFOs between the shim and the monitor.
func (s *Service) stdio(c *Container) ctrd.Stdio {
	dir := s.cfg.Layout.ContainerRun(c.ID)
	io := ctrd.Stdio{Stdout: filepath.Join(dir, monitor.StdoutName), Terminal: c.Config.Tty}
	if !c.Config.Tty {
		io.Stderr = filepath.Join(dir, monitor.StderrName)
	}
	if c.Config.OpenStdin {
		io.Stdin = filepath.Join(dir, monitor.StdinName)
	}
	return io
}
