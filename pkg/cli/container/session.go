package container

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

// streamsWanted says which streams of the caller a session is connected to.
type streamsWanted struct {
	stdin, stdout, stderr bool
	tty                   bool
	detachKeys            string
}

// checkTerminal refuses to feed a container's terminal from something that is
// none: the user would see the first key eaten and no echo.
func checkTerminal(streams *iostreams.IOStreams, stdin, tty bool) error {
	if stdin && tty && !streams.InIsTerminal() {
		return iostreams.ErrNotTerminal
	}
	return nil
}

// session connects the caller's terminal. The function it returns undoes all of
// it and has to be called on every path; it may be called twice.
func session(ctx context.Context, ios *iostreams.IOStreams, want streamsWanted) (*container.Streams, func(), error) {
	out := &container.Streams{DetachKeys: want.detachKeys}
	if want.stdin {
		out.Stdin = ios.In
	}
	if want.stdout {
		out.Stdout = ios.Out
	}
	if want.stderr && !want.tty {
		out.Stderr = ios.Err
	}
	if !want.tty {
		return out, func() {}, nil
	}
	if want.stderr && out.Stdout == nil {
		out.Stdout = ios.Out // a terminal has one output
	}
	restore := func() {}
	if want.stdin && ios.InIsTerminal() {
		raw, err := ios.RawMode()
		if err != nil {
			return nil, nil, err
		}
		restore = raw
	}
	resize, stop := watchSize(ctx, ios)
	out.Resize = resize
	return out, func() { stop(); restore() }, nil
}

// watchSize tells the size of the terminal, at once and after each change. Only
// the newest size waits to be read.
func watchSize(ctx context.Context, ios *iostreams.IOStreams) (<-chan container.Size, func()) {
	sizes := make(chan container.Size, 1)
	send := func() {
		width, height, ok := ios.Size()
		if !ok || width <= 0 || height <= 0 {
			return
		}
		select {
		case <-sizes:
		default:
		}
		select {
		case sizes <- container.Size{Width: uint16(width), Height: uint16(height)}:
		default:
		}
	}
	send()
	changed := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-changed:
				send()
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes, func() {
		signal.Stop(changed)
		select {
		case <-done:
		default:
			close(done)
		}
	}
}

// startPatience is how long a signal waits for a container that is being started
// before it ends the start.
const startPatience = 10 * time.Second

// signalProxy hands the signals that the program gets to a container: those that
// come while it is being started as soon as it runs.
type signalProxy struct {
	forward func(handle func(syscall.Signal)) (restore func())
	kill    func(syscall.Signal)
	cancel  context.CancelFunc // of the start

	restore func()
	started chan struct{}
	stopped chan struct{}
}

// newSignalProxy prepares a proxy for the container ref. The context is the one to
// start it with.
func (b *Base) newSignalProxy(ctx context.Context, s Service, ref string) (*signalProxy, context.Context) {
	outlives := context.WithoutCancel(ctx)
	ctx, cancel := context.WithCancel(ctx)
	p := &signalProxy{cancel: cancel, started: make(chan struct{}), stopped: make(chan struct{}), kill: func(sig syscall.Signal) {
		// A container that has just ended cannot be signalled; its exit status
		// is on its way.
		_ = s.Kill(outlives, ref, strconv.Itoa(int(sig)))
	}}
	if b.Signals != nil {
		p.forward = b.Signals.Forward
	}
	return p, ctx
}

// Starting takes the signals over.
func (p *signalProxy) Starting() {
	if p.forward == nil || p.restore != nil {
		return
	}
	p.restore = p.forward(func(sig syscall.Signal) {
		select {
		case <-p.started:
			p.kill(sig)
		case <-p.stopped:
		case <-time.After(startPatience):
			p.cancel()
		}
	})
}

// Started lets the signals through.
func (p *signalProxy) Started() {
	p.Starting()
	close(p.started)
}

// Stop gives the signals back.
func (p *signalProxy) Stop() {
	p.cancel()
	close(p.stopped)
	if p.restore != nil {
		p.restore()
	}
}

// outcome turns the end of a session into the program's.
func outcome(out container.Outcome, err error) error {
	if err != nil {
		return err
	}
	if out.Detached {
		return nil
	}
	return exitStatus(out.ExitCode)
}
