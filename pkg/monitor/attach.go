package monitor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// Attach connects the container's stdio to opts until the container has exited
// and all its output has been written: then it returns nil. It returns
// ErrDetached after the detach keys, the error of ctx, or that of a writer. A
// Read of opts.Stdin that blocks when it returns is left alone.
//
// Output starts with what the container writes from now on; before the container
// is started that is all of it.
func (c *Client) Attach(ctx context.Context, opts AttachOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stdinErr := make(chan error, 1)
	hello, err := c.prepare(opts)
	if err != nil {
		return err
	}
	defer c.release()
	c.stdin.offline() // until the monitor answers: only then the two agree on what has been sent
	if err := c.send(hello.Append(nil)); err != nil && !isGone(err) {
		return err
	}
	if err := c.startStdin(opts, stdinErr); err != nil {
		return err
	}
	closeErr := make(chan error, 1)
	for {
		select {
		case <-c.exited:
			return c.writeError()
		case <-ctx.Done():
			return ctx.Err()
		case <-c.broken:
			return c.brokenError()
		case err := <-c.outErr:
			return fmt.Errorf("write the container's output: %w", err)
		case err := <-stdinErr:
			return c.afterExitOr(ctx, err)
		case shut := <-c.shut:
			if shut && opts.CloseStdin != nil {
				go func() { closeErr <- opts.CloseStdin(ctx) }()
			}
		case err := <-closeErr:
			if err != nil {
				return c.afterExitOr(ctx, fmt.Errorf("close the container's stdin: %w", err))
			}
		}
	}
}

// afterExitOr is the end of an attach by err, unless the container's exit is
// what caused it.
func (c *Client) afterExitOr(ctx context.Context, err error) error {
	if errors.Is(err, ErrDetached) {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if c.Watch(wait) == nil {
		return c.writeError()
	}
	return err
}

// writeError is the error of a writer, if there was one.
func (c *Client) writeError() error {
	select {
	case err := <-c.outErr:
		return fmt.Errorf("write the container's output: %w", err)
	default:
		return nil
	}
}

func (c *Client) brokenError() error {
	select {
	case <-c.exited:
		return c.writeError()
	default:
		return c.err
	}
}

// prepare makes the client ready for what the monitor will send after hello.
func (c *Client) prepare(opts AttachOptions) (wire.HelloFrame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flags != 0 {
		return wire.HelloFrame{}, errors.New("this client is attached already")
	}
	if opts.Stdin != nil {
		c.flags |= wire.HelloStdin
	}
	if opts.Stdout != nil {
		c.flags |= wire.HelloStdout
	}
	if opts.Stderr != nil {
		c.flags |= wire.HelloStderr
	}
	if opts.Owner {
		c.flags |= wire.HelloOwner
	}
	if c.flags == 0 {
		return wire.HelloFrame{}, errors.New("attach to none of stdin, stdout and stderr")
	}
	var key [8]byte
	if _, err := rand.Read(key[:]); err != nil {
		return wire.HelloFrame{}, err
	}
	c.key = binary.LittleEndian.Uint64(key[:]) | 1
	c.off = [2]uint64{wire.FromNow, wire.FromNow}
	c.out = [2]io.Writer{opts.Stdout, opts.Stderr}
	c.attached = opts.Attached
	return wire.HelloFrame{Flags: c.flags, Stdout: c.off[0], Stderr: c.off[1], Key: c.key}, nil
}

// release keeps anything from being written after Attach has returned.
func (c *Client) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = [2]io.Writer{}
}

// startStdin begins to pass on opts.Stdin. Its error ends the attach; the end of
// the input does not.
func (c *Client) startStdin(opts AttachOptions, result chan<- error) error {
	if opts.Stdin == nil {
		return nil
	}
	r := opts.Stdin
	if opts.DetachKeys != "" {
		keys, err := ParseDetachKeys(opts.DetachKeys)
		if err != nil {
			return err
		}
		r = NewDetachReader(r, keys)
	}
	go func() {
		if err := c.stdin.copy(r); err != nil {
			result <- err
		}
	}()
	return nil
}
