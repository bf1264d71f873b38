package container

import (
	"context"
	"errors"
	"io"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/monitor"
)

// running is a container that this process has started or attached to.
type running struct {
	s      *Service
	c      *Container
	mon    *monitor.Client
	attach *Streams
	// starting is StartOptions.Starting.
	starting func()

	session chan error // how the attach ended
	exited  chan exitResult
	cancel  context.CancelFunc
}

type exitResult struct {
	exit ctrd.Exit
	err  error
}

// defaultDetachKeys are Docker's.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// detachable looks for the detach keys in what is typed at a terminal.
func detachable(in io.Reader, keys string, tty bool) (io.Reader, error) {
	if in == nil || !tty {
		return in, nil
	}
	seq, err := detachKeys(keys)
	if err != nil {
		return nil, err
	}
	return monitor.NewDetachReader(in, seq), nil
}

func detachKeys(text string) ([]byte, error) {
	if text == "" {
		text = defaultDetachKeys
	}
	seq, err := monitor.ParseDetachKeys(text)
	if err != nil {
		return nil, errorf(errdefs.ErrInvalidArgument, "%v", err)
	}
	return seq, nil
}

// check finds what is wrong with streams before anything is started for them.
func (st *Streams) check() error {
	if st == nil {
		return nil
	}
	_, err := detachKeys(st.DetachKeys)
	return err
}

// prepare connects the caller's streams. It returns when the monitor has taken
// them, so that not a byte of what the command writes is missed.
func (r *running) prepare(ctx context.Context) error {
	if r.attach == nil {
		return nil
	}
	in, err := detachable(r.attach.Stdin, r.attach.DetachKeys, r.c.Config.Tty)
	if err != nil {
		return err
	}
	wait, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel, r.exited, r.session = cancel, make(chan exitResult, 1), make(chan error, 1)
	go func() {
		exit, err := r.s.tasks.Wait(wait, r.c.ID, "")
		r.exited <- exitResult{exit, err}
	}()
	taken := make(chan struct{})
	go func() {
		r.session <- r.mon.Attach(ctx, monitor.AttachOptions{
			Stdin: in, Stdout: r.attach.Stdout, Stderr: r.attach.Stderr, Owner: true,
			CloseStdin: func(ctx context.Context) error { return r.s.CloseStdin(ctx, r.c.ID) },
			Attached:   func() { close(taken) },
		})
	}()
	select {
	case <-taken:
		return nil
	case err := <-r.session:
		r.session <- err
		return err
	}
}

// detach leaves a container to its monitor.
func (r *running) detach() error {
	if r == nil {
		return nil
	}
	if r.cancel != nil {
		r.cancel()
	}
	return r.mon.Close()
}

// follow streams until the container ends or the user detaches, and handles the
// end, of which this process is the owner as long as it is connected.
func (r *running) follow(ctx context.Context) (Outcome, error) {
	defer func() { _ = r.detach() }()
	if r.attach == nil {
		return Outcome{}, nil
	}
	sizes, stop := context.WithCancel(ctx)
	defer stop()
	go r.s.resizes(sizes, r.c, "", r.attach.Resize)
	if err := <-r.session; errors.Is(err, monitor.ErrDetached) {
		r.s.emit(ctx, r.c, events.ActionDetach)
		return Outcome{Detached: true}, nil
	} else if err != nil {
		return Outcome{}, err
	}
	code, err := r.exitCode(ctx)
	if err != nil {
		return Outcome{}, err
	}
	again, err := r.s.Finish(ctx, r.c.ID)
	if err != nil || again.Wanted {
		// The monitor does what this process could not, or waits and restarts.
		return Outcome{ExitCode: code}, err
	}
	if r.mon.Done(wantsSandbox(r.c.HostConfig.NetworkMode)) != nil {
		// Another process has handled the end, too, and dismissed the monitor.
		err = r.s.Cleanup(ctx, r.c.ID)
	}
	return Outcome{ExitCode: code}, err
}

// exitCode is what the task says, or the status if another process was faster
// and has deleted the task.
func (r *running) exitCode(ctx context.Context) (int, error) {
	select {
	case res := <-r.exited:
		if res.err == nil {
			return int(res.exit.Code), nil
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	c, err := r.s.get(ctx, r.c.ID)
	if errdefs.IsNotFound(err) {
		return lostExitCode, nil
	}
	if err != nil {
		return 0, err
	}
	return c.Status.ExitCode, nil
}

// Attach connects the caller's streams to a running container.
func (s *Service) Attach(ctx context.Context, ref string, opts AttachOptions) (Outcome, error) {
	if err := opts.check(); err != nil {
		return Outcome{}, err
	}
	c, err := s.own(ctx, ref, "attach to")
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case c.Status.State == container.StatePaused && c.Running():
		return Outcome{}, errorf(errdefs.ErrFailedPrecondition, "You cannot attach to a paused container, unpause it first")
	case c.Status.State == container.StateRestarting:
		return Outcome{}, errorf(errdefs.ErrFailedPrecondition, "You cannot attach to a restarting container, wait until it is running")
	case !c.Running():
		return Outcome{}, errorf(errdefs.ErrFailedPrecondition, "You cannot attach to a stopped container, start it first")
	}
	s.emit(ctx, c, events.ActionAttach)
	run, err := s.join(ctx, c, opts.Streams)
	if err != nil {
		return Outcome{}, err
	}
	return run.follow(ctx)
}

// join connects to a container that runs already.
func (s *Service) join(ctx context.Context, c *Container, streams Streams) (*running, error) {
	if !c.Config.OpenStdin {
		streams.Stdin = nil
	}
	mon, err := s.dialMonitor(ctx, c)
	if err != nil {
		return nil, err
	}
	run := &running{s: s, c: c, mon: mon, attach: &streams}
	if err := run.prepare(ctx); err != nil {
		return nil, errors.Join(err, run.detach())
	}
	return run, nil
}
