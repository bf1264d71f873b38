package monitor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// lostWait is how long a client looks for the successor of a killed monitor.
const lostWait = 10 * time.Second

// Client is a connection to a container's monitor. When the monitor is killed,
// the client finds its successor by itself and goes on where it was. Its methods
// may be called from several goroutines; Attach only once.
type Client struct {
	dir     string
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	respawn func(context.Context) error

	mu     sync.Mutex // guards what follows, and writing to conn
	conn   *net.UnixConn
	closed bool
	flags  uint32 // of hello; 0: not attached
	key    uint64
	off    [2]uint64
	out    [2]io.Writer
	pid    uint32 // told by Started, not acknowledged yet

	stdin    *stdinPump
	attached func()
	ready    chan struct{} // a Ready frame has come
	started  chan struct{} // Started has been acknowledged
	shut     chan bool     // StdinClosed has come
	health   chan struct{} // HealthAck has come
	exited   chan struct{} // closed: the container has exited
	broken   chan struct{} // closed: err is set and nothing more will come
	err      error
	outErr   chan error

	// Of serve alone: whether the monitor has answered hello on this connection, and
	// whether it has said before that that the container is gone.
	agreed, early bool
}

func newClient(ctx context.Context, dir string, conn *net.UnixConn) *Client {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &Client{
		dir:     dir,
		ctx:     ctx,
		cancel:  cancel,
		conn:    conn,
		ready:   make(chan struct{}, 1),
		started: make(chan struct{}, 1),
		shut:    make(chan bool, 1),
		health:  make(chan struct{}, 1),
		exited:  make(chan struct{}),
		broken:  make(chan struct{}),
		outErr:  make(chan error, 1),
	}
	c.stdin = newStdinPump(c.send)
	go c.serve(conn)
	return c
}

// SetRespawn sets what is called when the monitor is gone for good, keeper
// included: f makes another one serve the container (Respawn), or says why not.
// It must be called before Attach and Watch.
func (c *Client) SetRespawn(f func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.respawn = f
}

// awaitReady waits for the first word of a monitor that has just been started.
func (c *Client) awaitReady(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.broken:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Started tells the monitor the container's process. When it returns nil, even
// a monitor that is killed and replaced knows it.
func (c *Client) Started(ctx context.Context, pid int) error {
	c.mu.Lock()
	c.pid = uint32(pid)
	err := c.sendLocked(startedFrame(c.pid))
	c.mu.Unlock()
	if err != nil && !isGone(err) {
		return err
	}
	select {
	case <-c.started:
		return nil
	case <-c.exited:
		return nil
	case <-c.broken:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startedFrame(pid uint32) []byte {
	return wire.Append32(wire.AppendHeader(nil, wire.Started, 4), pid)
}

// Done is the owner's last word, after it has recorded the container's exit. With
// cleanup the monitor runs the helper's "cleanup", else nothing is left to do.
// Before the container has been started it ends the monitor.
func (c *Client) Done(cleanup bool) error {
	var flags byte
	if cleanup {
		flags = wire.DoneCleanup
	}
	return c.send(append(wire.AppendHeader(nil, wire.Done, 1), flags))
}

// Cancel keeps a monitor that waits to restart its container from doing so, and
// waits until it has ended.
func (c *Client) Cancel(ctx context.Context) error {
	if err := c.send(wire.AppendHeader(nil, wire.Cancel, 0)); err != nil {
		return err
	}
	return c.Gone(ctx)
}

// Gone waits until the monitor has ended, which is after its helper.
func (c *Client) Gone(ctx context.Context) error {
	select {
	case <-c.broken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Watch returns nil when the container has exited and its output is in the log.
func (c *Client) Watch(ctx context.Context) error {
	select {
	case <-c.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.broken:
		select {
		case <-c.exited:
			return nil
		default:
			return c.err
		}
	}
}

// Close ends the connection. The container does not notice, except that its
// stdin ends if it was opened for this client alone (Config.StdinOnce).
func (c *Client) Close() error {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.conn.Close()
}

func (c *Client) send(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendLocked(frame)
}

func (c *Client) sendLocked(frame []byte) error {
	if _, err := c.conn.Write(frame); err != nil {
		return fmt.Errorf("write to the monitor in %s: %w", c.dir, err)
	}
	return nil
}

// serve reads what the monitor says, until the end.
func (c *Client) serve(conn *net.UnixConn) {
	defer close(c.broken)
	for {
		c.agreed = false
		err := c.readFrames(bufio.NewReaderSize(conn, 64<<10))
		c.stdin.offline()
		select {
		case <-c.exited:
			c.err = ErrNotRunning
			return
		default:
		}
		if c.ctx.Err() != nil {
			c.err = net.ErrClosed
			return
		}
		if !isGone(err) {
			c.err = err
			return
		}
		if conn, err = c.reconnect(); err != nil {
			if c.err = err; c.early { // its last word stands
				c.hasExited()
			}
			return
		}
	}
}

// isGone tells whether err is what a killed monitor leaves behind.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// reconnect finds the successor of a monitor that is gone and tells it where
// this client stood.
func (c *Client) reconnect() (*net.UnixConn, error) {
	deadline := time.Now().Add(lostWait)
	c.mu.Lock()
	respawn := c.respawn
	c.mu.Unlock()
	for {
		conn, err := dial(c.ctx, c.dir)
		if err == nil {
			return conn, c.resume(conn)
		}
		if !errors.Is(err, ErrNotRunning) {
			return nil, err
		}
		if respawn == nil && time.Now().After(deadline) {
			return nil, fmt.Errorf("%w (%s)", ErrLost, c.dir)
		}
		if respawn != nil {
			if err := respawn(c.ctx); err != nil {
				return nil, err
			}
			respawn = nil
			deadline = time.Now().Add(lostWait)
		}
		if err := pause(c.ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (c *Client) resume(conn *net.UnixConn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.Join(net.ErrClosed, conn.Close())
	}
	err := c.conn.Close()
	c.conn = conn
	if c.flags != 0 {
		h := wire.HelloFrame{Flags: c.flags, Stdout: c.off[0], Stderr: c.off[1], Key: c.key}
		err = errors.Join(err, c.sendLocked(h.Append(nil)))
	}
	if c.pid != 0 {
		err = errors.Join(err, c.sendLocked(startedFrame(c.pid)))
	}
	if isGone(err) {
		return nil // killed again: reading finds that out
	}
	return err
}
