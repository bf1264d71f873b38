package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/fifo"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/monitor"
)

// execDrain bounds the wait for the output of a command that has ended but whose
// children keep its streams open.
const execDrain = 2 * time.Second

// killedExitCode is that of a process that SIGKILL has ended.
const killedExitCode = 128 + 9

// exitCannotExecute is the shell's exit code of a command that is there and cannot
// be run, which Docker has for a wrong user or folder too.
const exitCannotExecute = 126

// Exec runs a command in a running container and returns its exit code. Detached,
// it returns as soon as the command runs.
func (s *Service) Exec(ctx context.Context, ref string, opts ExecOptions) (Outcome, error) {
	if err := opts.check(); err != nil {
		return Outcome{}, err
	}
	c, err := s.find(ctx, ref)
	if err != nil {
		return Outcome{}, err
	}
	defer s.leaveNoFolder(c)
	switch {
	case !c.Running():
		return Outcome{}, notRunning(c)
	case c.Status.State == container.StatePaused:
		return Outcome{}, errorf(errdefs.ErrFailedPrecondition, "container %s is paused, unpause the container before exec", c.Name)
	}
	p, err := s.execProcess(c, opts)
	if err != nil { // as a command that cannot be executed
		return Outcome{}, &errs.Start{Code: exitCannotExecute, Err: err}
	}
	x := &execution{s: s, c: c, id: newID(), opts: opts}
	return x.run(ctx, p)
}

// execProcess is the container's own process with the command's differences.
func (s *Service) execProcess(c *Container, opts ExecOptions) (*specs.Process, error) {
	var oci specs.Spec
	if err := json.Unmarshal(c.oci, &oci); err != nil {
		return nil, fmt.Errorf("specification of container %s: %w", c.Name, err)
	}
	p := oci.Process
	p.Args, p.Terminal, p.ConsoleSize = opts.Cmd, opts.Tty, nil
	if opts.Tty {
		p.Env = spec.MergeEnv(p.Env, []string{"TERM=xterm"})
	}
	p.Env = spec.MergeEnv(p.Env, opts.Env)
	if opts.WorkingDir != "" {
		if !filepath.IsAbs(opts.WorkingDir) {
			return nil, errorf(errdefs.ErrInvalidArgument, "Cwd must be an absolute path")
		}
		p.Cwd = opts.WorkingDir
	}
	acc, err := readAccounts(fmt.Sprintf("/proc/%d/root", c.Status.Process.PID))
	if err != nil && opts.User != "" {
		return nil, err
	}
	if opts.User != "" {
		u, err := lookUp(opts.User, c.HostConfig.GroupAdd, acc)
		if err != nil {
			return nil, err
		}
		p.User = specs.User{UID: u.UID, GID: u.GID, AdditionalGids: u.Groups, Umask: p.User.Umask}
	}
	p.Env = withHome(p.Env, home(p.User.UID, acc))
	return p, s.execCapabilities(c, p, opts.Privileged)
}

// execCapabilities gives the command the container's capabilities, or all of the
// host's with --privileged.
func (s *Service) execCapabilities(c *Container, p *specs.Process, privileged bool) error {
	var set []string
	if p.Capabilities != nil {
		set = p.Capabilities.Bounding
	}
	if c.Foreign && !privileged {
		return nil // its maker's choice
	}
	if privileged && !c.HostConfig.Privileged {
		if p.ApparmorProfile != "" { // with none the runtime would take the container's
			p.ApparmorProfile = "unconfined"
		}
		host, err := s.cfg.Host()
		if err != nil {
			return err
		}
		set = host.Capabilities
	}
	p.Capabilities = &specs.LinuxCapabilities{Bounding: set}
	if p.User.UID == 0 {
		p.Capabilities.Permitted, p.Capabilities.Effective = set, set
	}
	return nil
}

// execution is one command run by Exec.
type execution struct {
	s       *Service
	c       *Container
	id      string
	opts    ExecOptions
	started func() // if set, called once the command runs

	dir    string
	stdin  io.WriteCloser
	copies sync.WaitGroup
	outs   []io.Closer
}

func (x *execution) run(ctx context.Context, p *specs.Process) (Outcome, error) {
	stdio := ctrd.Stdio{Terminal: x.opts.Tty}
	if !x.opts.Detach {
		var err error
		if stdio, err = x.open(ctx); err != nil {
			return Outcome{}, err
		}
		defer x.close()
	}
	x.emit(ctx, events.ActionExecCreate)
	if err := x.s.tasks.Exec(ctx, x.c.ID, x.id, p, stdio); err != nil {
		return Outcome{}, x.failure(err)
	}
	x.emit(ctx, events.ActionExecStart)
	ended := x.wait(ctx)
	if _, err := x.s.tasks.Start(ctx, x.c.ID, x.id); err != nil {
		return Outcome{}, errors.Join(x.failure(err), x.forget(context.WithoutCancel(ctx)))
	}
	if x.started != nil {
		x.started()
	}
	if x.opts.Detach {
		return Outcome{}, nil
	}
	return x.follow(ctx, ended)
}

// failure says why the command could not be started. The runtime has many words
// for a container that ended meanwhile.
func (x *execution) failure(err error) error {
	if !x.c.Status.Process.Alive() {
		return errorf(errdefs.ErrFailedPrecondition, "container %s is not running", x.c.ID)
	}
	return ctrd.StartError(err, x.opts.Cmd[0])
}

type execResult struct {
	exit ctrd.Exit
	err  error
}

// wait begins to wait for the end of the command, which may be over as soon as
// it has been started.
func (x *execution) wait(ctx context.Context) <-chan execResult {
	ended := make(chan execResult, 1)
	if x.opts.Detach {
		return ended
	}
	go func() {
		exit, err := x.s.tasks.Wait(ctx, x.c.ID, x.id)
		ended <- execResult{exit, err}
	}()
	return ended
}

// open makes the FIFOs and starts to copy what comes out of them.
func (x *execution) open(ctx context.Context) (ctrd.Stdio, error) {
	x.dir = filepath.Join(x.s.cfg.Layout.ContainerRun(x.c.ID), "exec-"+short(x.id))
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return ctrd.Stdio{}, err
	}
	io := ctrd.Stdio{Terminal: x.opts.Tty, Stdout: filepath.Join(x.dir, monitor.StdoutName)}
	if err := x.reader(ctx, io.Stdout, x.opts.Stdout); err != nil {
		return io, err
	}
	if !x.opts.Tty {
		io.Stderr = filepath.Join(x.dir, monitor.StderrName)
		if err := x.reader(ctx, io.Stderr, x.opts.Stderr); err != nil {
			return io, err
		}
	}
	if x.opts.Stdin == nil {
		return io, nil
	}
	io.Stdin = filepath.Join(x.dir, monitor.StdinName)
	var err error
	x.stdin, err = fifo.OpenFifo(ctx, io.Stdin, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_NONBLOCK, 0o600)
	return io, err
}

func (x *execution) reader(ctx context.Context, path string, to io.Writer) error {
	r, err := fifo.OpenFifo(context.WithoutCancel(ctx), path, syscall.O_RDONLY|syscall.O_CREAT|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	if to == nil {
		to = io.Discard
	}
	x.outs = append(x.outs, r)
	x.copies.Go(func() { _, _ = io.Copy(to, r) })
	return nil
}

func (x *execution) close() {
	for _, r := range x.outs {
		_ = r.Close()
	}
	if x.stdin != nil {
		_ = x.stdin.Close()
	}
	_ = os.RemoveAll(x.dir)
}

// follow forwards input and size until the command ends or the user detaches.
func (x *execution) follow(ctx context.Context, ended <-chan execResult) (Outcome, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	detached := make(chan struct{})
	if x.opts.Stdin != nil {
		in, err := detachable(x.opts.Stdin, x.opts.DetachKeys, x.opts.Tty)
		if err != nil {
			return Outcome{}, err
		}
		go x.forward(ctx, in, detached)
	}
	go x.s.resizes(ctx, x.c, x.id, x.opts.Resize)
	select {
	case <-detached:
		x.s.emit(ctx, x.c, events.ActionExecDetach, "execID", x.id)
		return Outcome{Detached: true}, nil
	case r := <-ended:
		if r.err != nil && !x.c.Status.Process.Alive() { // it ended with its container, whose shim is gone
			r.exit.Code = killedExitCode
		} else if r.err != nil {
			return Outcome{}, r.err
		}
		x.s.emit(ctx, x.c, events.ActionExecDie, "execID", x.id, "exitCode", strconv.Itoa(int(r.exit.Code)))
		x.drain()
		return Outcome{ExitCode: int(r.exit.Code)}, x.forget(ctx)
	}
}

// forget deletes the process from the shim, which may be gone with the container.
func (x *execution) forget(ctx context.Context) error {
	_, err := x.s.tasks.Delete(ctx, x.c.ID, x.id)
	if err != nil && !x.c.Status.Process.Alive() {
		return nil
	}
	return ignoreNotFound(err)
}

// forward copies the input, and closes the shim's end when it is over.
func (x *execution) forward(ctx context.Context, in io.Reader, detached chan<- struct{}) {
	_, err := io.Copy(x.stdin, in)
	if errors.Is(err, monitor.ErrDetached) {
		close(detached)
		return
	}
	_ = x.stdin.Close()
	_ = x.s.tasks.CloseStdin(ctx, x.c.ID, x.id)
}

func (x *execution) drain() {
	done := make(chan struct{})
	go func() { x.copies.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(execDrain):
	}
}

// resizes applies the sizes that the caller's terminal takes.
func (s *Service) resizes(ctx context.Context, c *Container, execID string, sizes <-chan Size) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			// A process that has just ended cannot be resized; nobody misses it.
			if s.tasks.Resize(ctx, c.ID, execID, size.Width, size.Height) == nil && execID == "" {
				s.emitResize(ctx, c, size)
			}
		}
	}
}

// Resize sets the size of a container's terminal.
func (s *Service) Resize(ctx context.Context, ref string, size Size) error {
	c, err := s.own(ctx, ref, "resize the terminal of")
	if err != nil {
		return err
	}
	if err := s.tasks.Resize(ctx, c.ID, "", size.Width, size.Height); err != nil {
		return err
	}
	s.emitResize(ctx, c, size)
	return nil
}
