package main

import "syscall"

// EPOLLET does not fit into the int that package syscall makes of it.
const (
	epollEdge  = uint32(1) << 31
	epollRdhup = uint32(syscall.EPOLLRDHUP)
)

// loop serves until the monitor has nothing left to do.
func (m *monitor) loop() {
	var events [16]syscall.EpollEvent
	m.idleSince = now(clockMonotonic)
	m.lastData = m.idleSince
	for {
		busy := false
		for range 16 {
			if busy = m.round(); !busy {
				break
			}
		}
		state := m.state
		m.advance()
		if m.state == ending && (len(m.clients) == 0 || m.settled()) {
			m.finish()
		}
		busy = busy || m.state != state
		n, err := syscall.EpollWait(m.epoll, events[:], m.timeout(busy))
		if err != nil {
			continue
		}
		if n == 0 && !busy && m.log != nil {
			m.log.trim(m.j)
		}
		for i := range n {
			m.dispatch(int(events[i].Fd), events[i].Events)
		}
	}
}

// timeout is how long to wait for an event, in milliseconds; -1: for ever.
func (m *monitor) timeout(busy bool) int {
	if busy {
		return 0
	}
	next := int64(1) << 62
	if m.log != nil && m.log.dirty {
		next = m.clock + second
	}
	if m.retryAt != 0 {
		next = min(next, m.retryAt)
	}
	if m.lost.until != 0 {
		next = min(next, m.lost.until)
	}
	if at := m.healthDue(); at != 0 {
		next = min(next, at)
	}
	for _, s := range m.sinks {
		if s.at != 0 {
			next = min(next, s.at)
		}
	}
	switch m.state {
	case running:
		if m.j.pid == 0 && len(m.clients) == 0 && m.lost.until == 0 {
			next = min(next, m.idleSince+startWait)
		}
	case draining:
		quiet := max(m.goneAt, m.lastData)
		next = min(next, quiet+sinkWait)
		if m.clock < quiet+drainQuiet {
			next = min(next, quiet+drainQuiet)
		}
	case helping:
		if m.helper.pid == 0 {
			next = min(next, m.helper.at)
		} else if m.helper.pidfd < 0 {
			next = min(next, m.clock+retryWait)
		}
	case sleeping:
		next = min(next, m.helper.at)
	}
	if m.state >= exited {
		for _, c := range m.clients {
			if !c.owner() {
				next = min(next, c.moved+stuckWait+millisecond)
			}
		}
	}
	if next == 1<<62 {
		return -1
	}
	return int(min(max(0, (next-m.clock+millisecond-1)/millisecond), 1<<30))
}

func (m *monitor) dispatch(fd int, events uint32) {
	switch fd {
	case m.sock:
		m.accept()
	case m.pidfd:
		m.containerGone()
	case m.stdin: // round feeds it
	case m.fifo[0], m.fifo[1]:
		i := 0
		if fd == m.fifo[1] {
			i = 1
		}
		m.ready[i] = true
		m.eof[i] = false
		m.hup[i] = events&syscall.EPOLLHUP != 0
	default:
		m.dispatchOther(fd, events)
	}
}

func (m *monitor) dispatchOther(fd int, events uint32) {
	if m.oom > 0 && fd == m.oom {
		m.readOOM()
		return
	}
	if m.isPort(fd) {
		if datagrams6(fd) {
			m.startRelay(fd)
		} else {
			m.forward(fd)
		}
		return
	}
	if m.relayEnded(fd) {
		return
	}
	if m.helper.pid != 0 && fd == m.helper.pidfd {
		m.reapHelper()
		return
	}
	if m.health.pid != 0 && fd == m.health.pidfd {
		m.reapHealth()
		return
	}
	if m.keeper.pid != 0 && fd == m.keeper.pidfd {
		m.replaceKeeper()
		return
	}
	if m.sinkEvent(fd) {
		return
	}
	for _, c := range m.clients {
		if c.fd != fd {
			continue
		}
		if events&(syscall.EPOLLIN|epollRdhup|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
			m.receive(c)
		}
		if events&(epollRdhup|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
			c.gone = true
		}
		return
	}
}

// accept takes all clients that wait.
func (m *monitor) accept() {
	for {
		fd, _, err := syscall.Accept4(m.sock, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err == syscall.EINTR || err == syscall.ECONNABORTED {
			continue
		}
		if err != nil {
			return
		}
		m.addClient(fd)
	}
}

func (m *monitor) watch(fd int, events uint32) bool {
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	return syscall.EpollCtl(m.epoll, syscall.EPOLL_CTL_ADD, fd, &ev) == nil
}

func (m *monitor) rewatch(fd int, events uint32) {
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	syscall.EpollCtl(m.epoll, syscall.EPOLL_CTL_MOD, fd, &ev)
}
