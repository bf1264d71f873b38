package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// health is the helper that checks the container's health. What a check is and
// what follows from it is the helper's business; it says on stdout when the next
// one is due, "next MS". This process keeps the time and sees to it that there
// is never more than one.
type health struct {
	pid    int // 0: no check runs
	pidfd  int
	out    int   // its stdout
	every  int64 // nanoseconds, if a helper does not say
	killAt int64 // when one that was told to end is killed
	off    bool  // no check until a client says so
}

// healthPatience is how long a check may take to break off.
const healthPatience = 3 * second

// planHealth sets the time of the first check, unless a monitor before this one
// has done so.
func (m *monitor) planHealth() {
	if m.c.health <= 0 {
		return
	}
	m.health.every = min(m.c.health, maxDelay) * millisecond
	if m.j.healthAt == 0 {
		m.j.healthAt = now(clockMonotonic) + m.health.every
	}
	m.health.off = m.j.healthAt == healthOff
}

// healthOff in the journal: the checks have been stopped.
const healthOff = -1

// healthDue is when tendHealth has something to do; 0: only after an event.
func (m *monitor) healthDue() int64 {
	switch h := &m.health; {
	case h.pid != 0 && h.pidfd < 0:
		return m.clock + retryWait
	case h.pid != 0:
		return h.killAt
	case m.state == running && m.pidfd >= 0 && !h.off:
		return m.j.healthAt
	}
	return 0
}

// tendHealth runs a check that is due, and ends one that does not end by itself.
func (m *monitor) tendHealth() {
	h := &m.health
	switch {
	case h.pid != 0 && h.pidfd < 0:
		m.reapHealth()
	case h.pid != 0 && h.killAt != 0 && m.clock >= h.killAt:
		syscall.Kill(h.pid, syscall.SIGKILL)
		h.killAt = 0
	case h.pid == 0 && m.state == running && m.pidfd >= 0 && !h.off && m.j.healthAt > 0 && m.clock >= m.j.healthAt:
		m.checkHealth()
	}
}

// checkHealth starts the helper.
func (m *monitor) checkHealth() {
	h := &m.health
	m.j.healthAt = now(clockMonotonic) + h.every
	var pipe [2]int
	if syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return
	}
	pid := m.spawnHelper(wire.HelperHealth, pipe[1])
	syscall.Close(pipe[1])
	if pid <= 0 {
		syscall.Close(pipe[0])
		return
	}
	h.pid, h.out, h.pidfd, h.killAt = pid, pipe[0], m.watchProcess(pid), 0
}

// reapHealth takes the word of a check that has ended.
func (m *monitor) reapHealth() {
	h := &m.health
	pid, err := syscall.Wait4(h.pid, nil, syscall.WNOHANG, nil)
	if err == syscall.EINTR || err == nil && pid == 0 {
		return
	}
	var buf [64]byte
	n, _ := read(h.out, buf[:])
	syscall.Close(h.out)
	if h.pidfd >= 0 {
		syscall.Close(h.pidfd)
	}
	h.pid = 0
	if next := delaySaid(buf[:max(n, 0)], "next "); next > 0 {
		h.every = next * millisecond
	}
	if !h.off {
		m.j.healthAt = now(clockMonotonic) + h.every
	}
	for _, c := range m.clients {
		m.ackHealth(c)
	}
}

// endHealth breaks off the check that runs.
func (m *monitor) endHealth() {
	if h := &m.health; h.pid != 0 && h.killAt == 0 {
		syscall.Kill(h.pid, syscall.SIGTERM)
		h.killAt = now(clockMonotonic) + healthPatience
	}
}

// setHealth stops the checks, or sets the time of the next one, in milliseconds.
func (m *monitor) setHealth(c *client, delay uint64) {
	h := &m.health
	h.off = delay == wire.HealthOff
	switch {
	case h.off:
		m.j.healthAt = healthOff
		m.endHealth()
	case m.c.health > 0:
		h.every = max(1, int64(min(delay, maxDelay))) * millisecond
		m.j.healthAt = now(clockMonotonic) + h.every
	default:
		m.j.healthAt = 0
	}
	c.health = true
	m.ackHealth(c)
}

// ackHealth answers a client that has set the checks, once none runs that it did
// not want.
func (m *monitor) ackHealth(c *client) {
	if c.health && (m.health.pid == 0 || !m.health.off) {
		c.health = false
		c.gone = c.gone || !c.control(wire.HealthAck, nil)
	}
}
