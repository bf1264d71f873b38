package monitor

import (
	"bufio"
	"fmt"
	"io"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// readFrames handles frames until the connection ends.
func (c *Client) readFrames(r *bufio.Reader) error {
	var header [wire.HeaderSize]byte
	for {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return err
		}
		kind, length := wire.ParseHeader(header[:])
		if kind == wire.Stdout || kind == wire.Stderr {
			if err := c.deliver(r, int(kind-wire.Stdout), length); err != nil {
				return err
			}
			continue
		}
		if length > wire.MaxInput {
			return fmt.Errorf("the monitor in %s sent a frame of %d bytes", c.dir, length)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return err
		}
		if err := c.handle(kind, payload); err != nil {
			return err
		}
	}
}

// deliver passes n bytes of output on, and counts them as they go, so that after
// a broken connection not one comes twice.
func (c *Client) deliver(r *bufio.Reader, i, n int) error {
	for n > 0 {
		if _, err := r.Peek(1); err != nil {
			return err
		}
		b, err := r.Peek(min(n, r.Buffered()))
		if err != nil {
			return err
		}
		c.mu.Lock()
		w := c.out[i]
		c.off[i] += uint64(len(b))
		c.mu.Unlock()
		if w != nil {
			if _, err := w.Write(b); err != nil {
				c.outputFailed(i, err)
			}
		}
		n -= len(b)
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
	}
	return nil
}

// outputFailed stops delivery to a writer that is broken. What comes is read
// all the same, so that the container is not held up.
func (c *Client) outputFailed(i int, err error) {
	c.mu.Lock()
	c.out[i] = nil
	c.mu.Unlock()
	select {
	case c.outErr <- err:
	default:
	}
}

func (c *Client) handle(kind byte, payload []byte) error {
	switch kind {
	case wire.Ready:
		r, ok := wire.ParseReady(payload)
		if !ok {
			return fmt.Errorf("the monitor in %s sent a malformed frame", c.dir)
		}
		c.agreed = true
		c.onReady(r)
	case wire.StdinAck:
		if len(payload) == 8 {
			c.stdin.acknowledge(wire.Uint64(payload))
		}
	case wire.StdinClosed:
		c.stdin.closed()
		notify(c.shut, len(payload) == 1 && payload[0] == 1)
	case wire.StartedAck:
		c.mu.Lock()
		c.pid = 0
		c.mu.Unlock()
		notify(c.started, struct{}{})
	case wire.HealthAck:
		notify(c.health, struct{}{})
	case wire.Exited:
		// A monitor that has not heard yet what this client is attached to says it
		// too early, and says it again when it has sent what is missing.
		c.mu.Lock()
		c.early = c.flags != 0 && !c.agreed
		c.mu.Unlock()
		if !c.early {
			c.hasExited()
		}
	case wire.Failed:
		return failure(payload)
	}
	return nil
}

// hasExited tells all who wait that the container is gone.
func (c *Client) hasExited() {
	c.stdin.closed()
	select {
	case <-c.exited:
	default:
		close(c.exited)
	}
}

// failure is the error of a monitor that could not start.
func failure(payload []byte) error {
	if len(payload) < 4 {
		return io.ErrUnexpectedEOF
	}
	errno := syscall.Errno(wire.Uint32(payload))
	if errno == syscall.EBUSY {
		return ErrBusy
	}
	return &startError{string(payload[4:]), errno}
}

// startError is a monitor's own account of why it could not start.
type startError struct {
	text  string
	errno syscall.Errno
}

func (e *startError) Error() string { return e.text }
func (e *startError) Unwrap() error { return e.errno }

func (c *Client) onReady(r wire.ReadyFrame) {
	c.mu.Lock()
	attached := c.attached
	c.attached = nil
	hello := c.flags != 0
	if hello {
		c.off = [2]uint64{r.Stdout, r.Stderr}
	}
	c.mu.Unlock()
	if attached != nil {
		attached()
	}
	if hello {
		c.stdin.online(r.Stdin)
	}
	notify(c.ready, struct{}{})
}

// notify leaves v in a channel with room for one, unless one is there already.
func notify[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}
