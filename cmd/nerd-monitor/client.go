package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// client is one connection of the attach socket.
type client struct {
	fd     int
	flags  uint32 // of its hello
	key    uint64
	off    [2]uint64 // of the next byte that it gets of each stream
	events uint32    // what epoll watches for
	moved  int64     // monotonic time of the last byte sent, or of nothing to send

	in    []byte // received, not yet handled
	inLen int

	ctl      []byte // control frames to send
	hdr      []byte // rest of the header of an output frame that has been begun
	left     int    // rest of its payload
	leftOf   int    // stream of that payload
	eof      bool   // has sent StdinEOF, not answered yet
	sawEOF   bool
	ackDue   bool // has sent stdin
	gone     bool // hung up
	sentExit bool
	health   bool // waits for HealthAck
}

const (
	inSize  = wire.HeaderSize + wire.MaxInput
	ctlSize = 512
	frame   = 64 << 10 // largest output frame
)

func (c *client) wants(i int) bool {
	return c.flags&(wire.HelloStdout<<i) != 0
}

func (c *client) owner() bool { return c.flags&wire.HelloOwner != 0 }

// addClient takes over the connection fd.
func (m *monitor) addClient(fd int) {
	var c *client
	if n := len(m.spare); n > 0 {
		c, m.spare = m.spare[n-1], m.spare[:n-1]
		*c = client{in: c.in, ctl: c.ctl[:0]}
	} else {
		c = &client{in: mapMemory(inSize), ctl: make([]byte, 0, ctlSize)}
	}
	c.fd = fd
	c.moved = now(clockMonotonic)
	c.events = syscall.EPOLLIN | epollRdhup
	if !m.watch(fd, c.events) {
		syscall.Close(fd)
		m.spare = append(m.spare, c)
		return
	}
	m.clients = append(m.clients, c)
}

// drop forgets a client that has hung up.
func (m *monitor) drop(c *client) {
	syscall.Close(c.fd)
	for i := range m.clients {
		if m.clients[i] == c {
			m.clients = append(m.clients[:i], m.clients[i+1:]...)
			break
		}
	}
	if c.flags&wire.HelloStdin != 0 && !c.sawEOF {
		m.stdinLeft()
	}
	c.fd = -1
	m.spare = append(m.spare, c)
	m.countClients()
	m.idleSince = now(clockMonotonic)
}

// countClients keeps in the journal who must be waited for if this monitor is
// killed.
func (m *monitor) countClients() {
	var clients, owners, stdin uint64
	for _, c := range m.clients {
		if c.flags != 0 {
			clients++
		}
		if c.owner() {
			owners++
		}
		if c.flags&wire.HelloStdin != 0 && !c.sawEOF {
			stdin++
		}
	}
	m.j.clients, m.j.owners, m.j.stdinHolders = clients+m.lost.clients, owners+m.lost.owners, stdin+m.lost.stdin
}

// receive reads and handles what the client has sent.
func (m *monitor) receive(c *client) {
	for {
		n, errno := read(c.fd, c.in[c.inLen:])
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			c.gone = true
			return
		}
		c.inLen += n
		if !m.parse(c) {
			c.gone = true
			return
		}
	}
}

// parse handles all complete frames in c.in. False: the client talks nonsense.
func (m *monitor) parse(c *client) bool {
	for c.inLen >= wire.HeaderSize {
		kind, length := wire.ParseHeader(c.in)
		if length < 0 || length > wire.MaxInput {
			return false
		}
		size := wire.HeaderSize + length
		if c.inLen < size {
			return true
		}
		if !m.handle(c, kind, c.in[wire.HeaderSize:size]) {
			return false
		}
		copy(c.in, c.in[size:c.inLen])
		c.inLen -= size
	}
	return true
}

func (m *monitor) handle(c *client, kind byte, b []byte) bool {
	switch kind {
	case wire.Hello:
		h, ok := wire.ParseHello(b)
		return ok && m.hello(c, h)
	case wire.Stdin:
		return m.giveStdin(c, b)
	case wire.StdinEOF:
		c.eof, c.sawEOF = true, true
		m.countClients()
	case wire.Started:
		if len(b) != 4 {
			return false
		}
		m.setPID(int(wire.Uint32(b)))
		return c.control(wire.StartedAck, nil)
	case wire.Done:
		if len(b) != 1 {
			return false
		}
		m.j.doneFlags = uint64(b[0]) + 1
		m.leave(c)
	case wire.Cancel:
		m.cancelled = true
	case wire.Health:
		if len(b) != 8 {
			return false
		}
		m.setHealth(c, wire.Uint64(b))
	default:
		return false
	}
	return true
}

// leave takes from a client all that it still holds.
func (m *monitor) leave(c *client) {
	c.flags &^= wire.HelloOwner
	m.countClients()
}

func (m *monitor) hello(c *client, h wire.HelloFrame) bool {
	c.flags, c.key = h.Flags, h.Key
	c.sentExit = false // what was said before this came too early
	for i, from := range [2]uint64{h.Stdout, h.Stderr} {
		end := m.j.end(i)
		oldest := uint64(0)
		if end > m.j.ring {
			oldest = end - m.j.ring
		}
		c.off[i] = min(max(from, oldest), end)
	}
	m.lost.found(c)
	m.countClients()
	m.setFloors()
	return m.sayReady(c)
}

func (m *monitor) sayReady(c *client) bool {
	r := wire.ReadyFrame{Stdout: c.off[0], Stderr: c.off[1], Stdin: m.j.stdinCount(c.key), PID: uint32(m.j.pid)}
	if m.j.stdinClosed != 0 {
		r.Flags |= wire.ReadyStdinClosed
	}
	if m.j.exited != 0 {
		r.Flags |= wire.ReadyExited
	}
	if cap(c.ctl)-len(c.ctl) < wire.HeaderSize+wire.ReadySize {
		return false
	}
	c.ctl = r.Append(c.ctl)
	return true
}

func (m *monitor) ack(c *client) {
	var count [8]byte
	c.gone = c.gone || !c.control(wire.StdinAck, wire.Append64(count[:0], m.j.stdinCount(c.key)))
}

// control queues a small frame. False: the client asks but does not listen.
func (c *client) control(kind byte, payload []byte) bool {
	if cap(c.ctl)-len(c.ctl) < wire.HeaderSize+len(payload) {
		return false
	}
	c.ctl = wire.AppendHeader(c.ctl, kind, len(payload))
	c.ctl = append(c.ctl, payload...)
	return true
}

// flush sends what is due until the client's socket is full. It tells whether
// anything was sent.
func (m *monitor) flush(c *client) bool {
	sent := false
	for c.fd >= 0 && !c.gone {
		n, errno, due := m.send(c)
		if !due {
			c.moved = m.clock
			m.interest(c, 0)
			return sent
		}
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			m.interest(c, syscall.EPOLLOUT)
			return sent
		case errno != 0:
			c.gone = true
		default:
			sent = sent || n > 0
			c.moved = m.clock
		}
	}
	return sent
}

// send makes one system call. The order is: the rest of a frame that has been
// begun, control frames, output, and the word that all is over.
func (m *monitor) send(c *client) (n int, errno syscall.Errno, due bool) {
	switch {
	case len(c.hdr) > 0:
		n, errno = write(c.fd, c.hdr)
		c.hdr = c.hdr[max(n, 0):]
		return n, errno, true
	case c.left > 0:
		i := c.leftOf
		n, errno = write(c.fd, m.j.view(i, c.off[i], c.off[i]+uint64(c.left)))
		m.sentOutput(c, i, n)
		return n, errno, true
	case len(c.ctl) > 0:
		n, errno = write(c.fd, c.ctl)
		if n > 0 {
			c.ctl = c.ctl[:copy(c.ctl, c.ctl[n:])]
		}
		return n, errno, true
	}
	for i := range c.off {
		if end := m.j.end(i); c.wants(i) && c.off[i] < end {
			return m.beginFrame(c, i, int(min(end-c.off[i], frame)))
		}
	}
	if m.j.exited != 0 && !c.sentExit {
		c.sentExit = true
		c.control(wire.Exited, nil)
		return 0, 0, true
	}
	return 0, 0, false
}

// beginFrame sends the header and as much of n bytes of output as it can.
func (m *monitor) beginFrame(c *client, i, n int) (int, syscall.Errno, bool) {
	header := wire.AppendHeader(m.scratch[:0], wire.Stdout+byte(i), n)
	sent, errno := writev(c.fd, header, m.j.view(i, c.off[i], c.off[i]+uint64(n)))
	if errno != 0 || sent <= 0 {
		return 0, errno, true
	}
	c.left, c.leftOf = n, i
	if sent < len(header) {
		c.hdr = append([]byte(nil), header[sent:]...)
		return sent, 0, true
	}
	m.sentOutput(c, i, sent-len(header))
	return sent, 0, true
}

func (m *monitor) sentOutput(c *client, i, n int) {
	if n > 0 {
		c.off[i] += uint64(n)
		c.left -= n
	}
}

// interest sets what epoll watches for, beside a hang-up.
func (m *monitor) interest(c *client, out uint32) {
	events := syscall.EPOLLIN | epollRdhup | out
	if events != c.events {
		c.events = events
		m.rewatch(c.fd, events)
	}
}
