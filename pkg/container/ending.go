package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor"
)

// dialMonitor connects to a container's monitor, starting it anew if it was killed.
func (s *Service) dialMonitor(ctx context.Context, c *Container) (*monitor.Client, error) {
	mon, err := monitor.Dial(ctx, s.cfg.Layout.ContainerRun(c.ID))
	if errors.Is(err, monitor.ErrNotRunning) {
		mon, err = s.respawn(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	s.keepAlive(mon, c)
	return mon, nil
}

// keepAlive has a client start the monitor again when it is killed.
func (s *Service) keepAlive(mon *monitor.Client, c *Container) {
	mon.SetRespawn(func(ctx context.Context) error {
		again, err := s.respawn(ctx, c)
		if err != nil {
			return err
		}
		return again.Close()
	})
}

// respawn starts a monitor for a container that runs, or has just ended, without
// one. Its ports are bound again if nobody took them meanwhile; the rules that
// lead to the container are still there either way.
func (s *Service) respawn(ctx context.Context, c *Container) (*monitor.Client, error) {
	p := c.Status.Process
	if !p.Alive() && exists(fmt.Sprintf("/proc/%d", p.PID)) { // the number names another process by now
		return nil, monitor.ErrNotRunning
	}
	var files []*os.File
	if held, err := s.cfg.Networks.ReservePorts(ctx, c.Name, c.ID, c.Status.Ports); err == nil {
		defer func() { _ = held.Close() }()
		files = held.Files()
	}
	cfg := s.monitorConfig(c, files)
	cfg.PID = p.PID
	mon, err := monitor.Respawn(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("starting the monitor of container %s again: %w", c.Name, err)
	}
	return mon, nil
}

// ending is a claim on the end of a running container: its monitor leaves the
// handling to this process as long as it lives. Without a monitor the claim is
// empty, and everything works but slower.
type ending struct {
	mon *monitor.Client
	end chan error
}

// claim takes the end of c into this process's hands.
func (s *Service) claim(ctx context.Context, c *Container) *ending {
	mon, err := s.dialMonitor(ctx, c)
	if err != nil {
		return &ending{}
	}
	e := &ending{mon: mon, end: make(chan error, 1)}
	taken := make(chan struct{})
	go func() {
		e.end <- mon.Attach(ctx, monitor.AttachOptions{Owner: true, Attached: func() { close(taken) }})
	}()
	select {
	case <-taken:
	case err := <-e.end:
		e.end <- err
	case <-ctx.Done():
	}
	return e
}

// drained waits until the output of the container, whose process is gone, is in
// its log and with its clients.
func (e *ending) drained(ctx context.Context) {
	if e.mon == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	select {
	case <-e.end: //nolint:errcheck // that it is over is all that counts
	case <-ctx.Done():
	}
}

// done tells the monitor that the end is handled, but for the network if cleanup
// is set. It tells whether there is a monitor to see to that.
func (e *ending) done(cleanup bool) (taken bool) { return e.mon != nil && e.mon.Done(cleanup) == nil }

// close gives up a claim. A monitor whose container has ended without a Done
// has the end handled by its helper.
func (e *ending) close() {
	if e.mon != nil {
		_ = e.mon.Close()
	}
}

// dismissMonitor ends the monitor of a container that will not be started: the
// process that was starting it was killed.
func (s *Service) dismissMonitor(ctx context.Context, id string) {
	mon, err := monitor.Dial(ctx, s.cfg.Layout.ContainerRun(id))
	if err != nil {
		return
	}
	defer func() { _ = mon.Close() }()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if mon.Done(false) == nil {
		_ = mon.Gone(ctx)
	}
}

// retireMonitor waits, before a container is started, until the monitor of its
// last run has ended. That monitor's helper may need the container's lock, so
// the caller must not hold it. One that waits to restart the container is told
// to leave that to the caller.
func (s *Service) retireMonitor(ctx context.Context, id string) {
	mon, err := monitor.Dial(ctx, s.cfg.Layout.ContainerRun(id))
	if err != nil {
		return
	}
	defer func() { _ = mon.Close() }()
	c, err := s.get(ctx, id)
	if err != nil || c.Running() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, exitTimeout)
	defer cancel()
	_ = mon.Cancel(ctx)
}
