package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// Times, in nanoseconds.
const (
	millisecond = int64(1e6)
	second      = int64(1e9)

	startWait  = 1 * second        // for a creator that has left without starting the container
	drainQuiet = 2 * second        // of silence after the exit, if somebody keeps a FIFO open
	lostWait   = 3 * second        // for the clients of a killed monitor to come back
	stuckWait  = 10 * second       // for a client that takes nothing, after the exit
	retryWait  = 100 * millisecond // after an error that may pass
	lockWait   = 10 * second       // for the monitor of the last start to end
)

// The life of a monitor.
const (
	running  = iota
	draining // the process is gone, its output is still being read
	exited   // clients have been told; an owner may have its say
	helping  // the helper runs, or waits to be tried again
	sleeping // until the container is restarted
	ending   // what clients have not got yet is sent
)

// monitor serves one container, in one thread.
type monitor struct {
	c     config
	args  []string // words that c was parsed from
	j     *journal
	log   *logFile // nil: this process writes no file
	sinks []*sink
	epoll int
	sock  int
	pidfd int // of the container's process, -1: not watched

	fifo       [2]int
	ready      [2]bool // may have something to read
	hup        [2]bool // has no writer
	eof        [2]bool // has no writer and nothing to read
	stdin      int     // -1: closed
	stdinCut   int64   // file offset up to which stdin has been cut off
	closeStdin bool    // as soon as the container has been started
	stdinGone  bool    // its client has vanished: the helper must close containerd's end

	oom      int   // memory.events of the container's group, 0: not watched
	forwards []int // processes that join a connection with the container
	relays   []relayProcess

	clients []*client
	spare   []*client
	lost    lost
	helper  helper
	health  health
	keeper  keeper

	state     int
	clock     int64 // monotonic
	idleSince int64
	goneAt    int64
	lastData  int64
	retryAt   int64
	cancelled bool
	scratch   [16]byte
}

// lost stands for the clients that a killed monitor had: until they are back or
// their time is over, nothing that they have not got is overwritten, and their
// stdin and the exit are left to them.
type lost struct {
	clients, owners, stdin uint64
	floor                  [2]uint64
	until                  int64
}

// found takes out a client that is back.
func (l *lost) found(c *client) {
	if l.clients == 0 {
		return
	}
	l.clients--
	if c.owner() && l.owners > 0 {
		l.owners--
	}
	if c.flags&wire.HelloStdin != 0 && l.stdin > 0 {
		l.stdin--
	}
	if l.clients == 0 {
		*l = lost{}
	}
}

// round does all that can be done without waiting, once. It tells whether
// another round may do more.
func (m *monitor) round() bool {
	m.clock = now(clockMonotonic)
	progress := false
	for i := range m.fifo {
		for m.ready[i] && m.readOutput(i) {
			progress = true
		}
	}
	if m.log != nil {
		for m.log.pump(m.j, m.final()) {
			progress = true
		}
	}
	for _, s := range m.sinks {
		if s.pump(m, m.final()) {
			progress = true
		}
	}
	for i := 0; i < len(m.clients); i++ {
		if c := m.clients[i]; m.flush(c) {
			progress = true
		}
	}
	m.setFloors()
	for i := len(m.clients) - 1; i >= 0; i-- {
		if c := m.clients[i]; c.gone {
			m.drop(c)
			progress = true
		}
	}
	m.tendStdin()
	return progress
}

// readOutput reads one piece of a stream. It tells whether to go on.
func (m *monitor) readOutput(i int) bool {
	n, errno := m.j.fill(i, m.fifo[i], m.floor(i))
	switch {
	case n > 0 && errno == 0:
		m.lastData = m.clock
		return true
	case errno == syscall.ENOBUFS: // a client or the log must take something first
		return m.makeRoom(i)
	case errno == syscall.EAGAIN:
		m.ready[i] = false
	case errno == 0:
		m.ready[i] = false
		m.eof[i] = m.hup[i] || m.state != running
	default:
		m.ready[i] = false
		m.retryAt = m.clock + retryWait
	}
	return false
}

// final tells of which streams the last byte has been read, so that a line
// without an end is written too.
func (m *monitor) final() (f [2]bool) {
	for i := range f {
		f[i] = m.eof[i] || m.state > draining || m.state == draining && !m.ready[i] && m.quiet()
	}
	return f
}

func (m *monitor) quiet() bool { return m.clock-max(m.goneAt, m.lastData) >= drainQuiet }

// floor is the first offset of a stream that somebody still needs.
func (m *monitor) floor(i int) uint64 {
	floor := m.clientFloor(i)
	if m.log != nil {
		floor = min(floor, m.j.committed().logged[i])
	}
	for _, s := range m.sinks {
		floor = min(floor, s.state.acked[i])
	}
	return floor
}

func (m *monitor) clientFloor(i int) uint64 {
	floor := m.j.end(i)
	for _, c := range m.clients {
		if c.wants(i) {
			floor = min(floor, c.off[i])
		}
	}
	if m.lost.until != 0 {
		floor = min(floor, m.lost.floor[i])
	}
	return floor
}

func (m *monitor) setFloors() {
	for i := range m.fifo {
		m.j.stream[i].floor = m.clientFloor(i)
	}
}

// setPID begins to watch the container's process. Only the first word counts:
// a client that reconnects repeats it.
func (m *monitor) setPID(pid int) {
	if m.j.pid != 0 || pid <= 0 {
		return
	}
	m.j.pidStart = startTime(pid)
	storeSeq(&m.j.pid, uint64(pid))
	m.watchPID()
}

// watchPID watches the journal's process. One that is not there any more, or
// whose number is another process's now, has exited.
func (m *monitor) watchPID() {
	pid := int(m.j.pid)
	fd, errno := pidfdOpen(pid)
	if errno != 0 || startTime(pid) != m.j.pidStart || m.j.pidStart == 0 {
		if errno == 0 {
			syscall.Close(fd)
		}
		m.containerGone()
		return
	}
	setCloexec(fd)
	m.pidfd = fd
	m.watch(fd, syscall.EPOLLIN)
	m.watchOOM(pid)
	m.planHealth()
}

// containerGone follows the end of the container's process.
func (m *monitor) containerGone() {
	if m.pidfd >= 0 {
		syscall.Close(m.pidfd)
		m.pidfd = -1
	}
	if m.state != running {
		return
	}
	m.readOOM()
	m.endHealth()
	m.state = draining
	m.clock = now(clockMonotonic)
	m.goneAt = m.clock
	m.ready = [2]bool{true, !m.c.tty}
	m.eof[1] = m.eof[1] || m.c.tty
	m.releasePorts()
}

// releasePorts makes the published ports free for others at once.
func (m *monitor) releasePorts() {
	if m.c.ports == 0 {
		return
	}
	m.endForwards()
	m.endRelays()
	for i := range m.c.ports {
		syscall.Dup3(0, wire.FirstPortFD+i, syscall.O_CLOEXEC)
	}
	m.replaceKeeper()
}

// advance moves on to the next state when its time has come.
func (m *monitor) advance() {
	if m.lost.until != 0 && m.clock >= m.lost.until {
		stdin := m.lost.stdin > 0
		m.lost = lost{}
		m.countClients()
		m.idleSince = m.clock
		if stdin {
			m.stdinLeft()
		}
	}
	m.tendSinks()
	if m.retryAt != 0 && m.clock >= m.retryAt {
		m.retryAt = 0
		m.ready = [2]bool{true, !m.c.tty}
	}
	m.tendHealth()
	switch m.state {
	case running:
		if m.j.pid == 0 && m.abandoned() {
			m.setExited()
		}
	case draining:
		if f := m.final(); f[0] && f[1] && m.allLogged() && m.allTaken() {
			m.setExited()
		}
	case exited:
		m.afterExit()
	case helping:
		m.tendHelper()
	case sleeping:
		if m.cancelled {
			m.state = ending
		} else if m.clock >= m.helper.at {
			m.restart()
		}
	}
	if m.state >= exited {
		m.dropStuck()
	}
}

// abandoned tells whether the container will not be started any more.
func (m *monitor) abandoned() bool {
	if m.j.doneFlags != 0 {
		return true
	}
	return len(m.clients) == 0 && m.lost.until == 0 && m.clock-m.idleSince >= startWait
}

func (m *monitor) allLogged() bool {
	return m.log == nil || m.j.committed().logged == [2]uint64{m.j.end(0), m.j.end(1)}
}

func (m *monitor) setExited() {
	m.closeSinks()
	m.state = exited
	m.j.exited = 1
}

// afterExit runs the helper, unless an owner wants to see to the exit itself.
func (m *monitor) afterExit() {
	switch {
	case m.health.pid != 0: // its check ends with the container
	case m.j.doneFlags == 0 && m.j.owners > 0:
	case m.helper.pid != 0: // it still closes stdin
	case m.j.doneFlags == 0:
		m.help(wire.HelperExited)
	case (m.j.doneFlags-1)&wire.DoneCleanup != 0:
		m.help(wire.HelperCleanup)
	default:
		m.state = ending
	}
}

// dropStuck parts with clients that take nothing, except owners, so that a
// stopped terminal does not keep the container from being cleaned up.
func (m *monitor) dropStuck() {
	for _, c := range m.clients {
		if m.clock-c.moved > stuckWait && !c.owner() {
			c.gone = true
		}
	}
}

// settled tells whether every client has got all that it should get.
func (m *monitor) settled() bool {
	for _, c := range m.clients {
		if !c.sentExit || len(c.hdr)+c.left+len(c.ctl) > 0 {
			return false
		}
	}
	return true
}
