package container

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"

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

// forwardSignals passes the signals that the program gets on to a container.
func (b *Base) forwardSignals(ctx context.Context, s Service, ref string) (stop func()) {
	if b.Signals == nil {
		return func() {}
	}
	return b.Signals.Forward(func(sig syscall.Signal) {
		// A container that has just ended cannot be signalled; its exit status
		// is on its way.
		_ = s.Kill(ctx, ref, strconv.Itoa(int(sig)))
	})
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
