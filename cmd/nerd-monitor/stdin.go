package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// giveStdin writes a client's bytes to the container. False: the FIFO is full,
// and the rest of the frame waits.
func (m *monitor) giveStdin(c *client, b []byte) bool {
	for c.given < len(b) && m.stdin >= 0 && m.state == running {
		n, errno := write(m.stdin, b[c.given:])
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			return false
		}
		if errno != 0 {
			break
		}
		c.given += n
		m.j.handedOver(c.key, n)
	}
	// What nobody can read any more counts as handed over.
	if rest := len(b) - c.given; rest > 0 {
		m.j.handedOver(c.key, rest)
	}
	c.given = 0
	return true
}

// stdinWritable lets the clients go on that wait for the FIFO.
func (m *monitor) stdinWritable() {
	for _, c := range m.clients {
		if !c.blocked {
			continue
		}
		c.blocked = false
		if !m.parse(c) {
			c.gone = true
			continue
		}
		m.interest(c, 0)
		m.receive(c)
	}
}

// stdinLeft follows the loss of a client with stdin that has not ended it. In a
// terminal it has merely detached.
func (m *monitor) stdinLeft() {
	if m.c.stdinOnce && !m.c.tty && m.j.stdinClosed == 0 {
		m.closeStdin, m.stdinGone = true, true
	}
}

// tendStdin answers the clients that have ended their stdin. The FIFO is closed
// only when the container has been started: until then nobody else has it open,
// and what is in it would be lost.
func (m *monitor) tendStdin() {
	if m.j.pid == 0 && m.state == running {
		return
	}
	for _, c := range m.clients {
		if !c.eof || c.blocked {
			continue
		}
		c.eof = false
		close := m.c.stdinOnce && !m.c.tty && m.c.openStdin
		m.closeStdin = m.closeStdin || close
		answer := [1]byte{}
		if close {
			answer[0] = 1
		}
		if close && m.stdin >= 0 {
			m.shutStdin()
		}
		c.gone = c.gone || !c.control(wire.StdinClosed, answer[:])
		m.flush(c)
	}
	if m.closeStdin && m.stdin >= 0 {
		m.shutStdin()
	}
	if m.stdinGone && m.state == running && m.helper.pid == 0 {
		m.stdinGone = false
		m.runHelper(wire.HelperStdin)
	}
}

func (m *monitor) shutStdin() {
	m.j.stdinClosed = 1
	syscall.Close(m.stdin)
	m.stdin = -1
	m.stdinWritable()
}
