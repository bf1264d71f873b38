package main

import (
	"bytes"
	"strconv"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// A sink is a program that takes the container's output from this process, by a
// socket: nerd-logger, which sends it to a log server, or a nerd-monitor that
// writes the log on the side, so that a disk that stalls does not stall the
// container. What it has not acknowledged stays in the ring and is sent again if
// the program is killed, or this process is.
type sink struct {
	name  string // of the process
	argv  []string
	state *sinkState
	fd    int // -1: it does not run
	pid   int
	pidfd int

	greeted bool
	full    bool // the socket takes no more
	sent    [2]uint64
	ended   [2]bool // the end of the stream has been sent
	frame   []byte  // room for one frame
	out     []byte  // what is left of it to be sent
	in      [wire.AckSize]byte
	inLen   int
	tries   int   // starts since the last acknowledgement
	at      int64 // when to start it again; 0: not
}

// sinkState is a sink's part of the journal.
type sinkState struct {
	acked [2]uint64 // offset up to which each stream has been taken
	lost  uint64    // lines that were given up
}

const (
	sinkLogger = 0
	sinkWriter = 1
	sinkPause  = 100 * millisecond // before a sink is started again, doubled each time
	sinkWait   = 10 * second       // for the sinks to take everything, after the container's end
)

// openSinks starts the programs that take the output.
func (m *monitor) openSinks() {
	if m.c.remote {
		argv := []string{m.c.logger, wire.LoggerSend, m.c.dir}
		m.sinks = append(m.sinks, &sink{name: "nerd-logger", argv: argv, state: &m.j.sink[sinkLogger], fd: -1})
	}
	if m.c.drop && m.c.logPath != "" {
		argv := []string{"/proc/self/exe"}
		for i, arg := range m.args {
			if arg == "--" {
				break
			}
			if !hasPrefix(arg, "mode=") {
				argv = append(argv, m.args[i])
			}
		}
		if m.c.mode == "run" && m.c.pid == 0 {
			syscall.Unlink(m.path(wire.WriterJournal))
		}
		m.sinks = append(m.sinks, &sink{name: "nerd-logwriter", argv: append(argv, "mode=write"), state: &m.j.sink[sinkWriter], fd: -1})
	}
	for _, s := range m.sinks {
		s.frame = mapMemory(wire.FeedSize + wire.MaxFeed)
		m.startSink(s)
	}
}

// startSink starts the program, or sees to it that this is tried again.
func (m *monitor) startSink(s *sink) {
	s.at = now(clockMonotonic) + sinkPause<<min(s.tries, 6)
	s.tries++
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	stderr := 2
	if fd, err := syscall.Open(m.path(wire.LoggerLog), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600); err == nil {
		stderr = fd
		defer syscall.Close(fd)
	}
	pid, err := syscall.ForkExec(s.argv[0], append([]string{s.name}, s.argv[1:]...), &syscall.ProcAttr{
		Dir: "/", Env: syscall.Environ(), Files: []uintptr{0, 1, uintptr(stderr), uintptr(pair[1])}, Sys: &syscall.SysProcAttr{},
	})
	syscall.Close(pair[1])
	if err != nil {
		syscall.Close(pair[0])
		return
	}
	syscall.SetNonblock(pair[0], true)
	s.fd, s.pid, s.at = pair[0], pid, 0
	s.pidfd = m.watchProcess(pid)
	s.greeted, s.full, s.out, s.inLen = false, false, nil, 0
	s.sent, s.ended = s.state.acked, [2]bool{}
	m.watch(s.fd, syscall.EPOLLIN|syscall.EPOLLOUT|epollEdge)
}

// sinkEvent handles an event of a sink. False: it is not one of a sink.
func (m *monitor) sinkEvent(fd int) bool {
	for _, s := range m.sinks {
		switch {
		case s.fd >= 0 && fd == s.fd:
			s.full = false
			if !s.receive() {
				m.stopSink(s)
			}
			return true
		case s.pid != 0 && fd == s.pidfd:
			m.stopSink(s)
			return true
		}
	}
	return false
}

// stopSink buries a sink that has ended or talks nonsense. It is started again,
// unless it was told to end.
func (m *monitor) stopSink(s *sink) {
	if s.pid == 0 {
		return
	}
	if s.fd >= 0 {
		syscall.Close(s.fd)
		s.fd = -1
		s.at = now(clockMonotonic) + sinkPause<<min(s.tries, 6)
	}
	syscall.Kill(s.pid, syscall.SIGKILL)
	for {
		if _, err := syscall.Wait4(s.pid, nil, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if s.pidfd >= 0 {
		syscall.Close(s.pidfd)
	}
	s.pid, s.pidfd = 0, -1
}

// receive takes acknowledgements. The first one greets: it tells how far the
// program has come in an earlier life.
func (s *sink) receive() bool {
	for {
		n, errno := read(s.fd, s.in[s.inLen:])
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 || n == 0 {
			return false
		}
		s.inLen += n
		if s.inLen < len(s.in) {
			continue
		}
		s.inLen = 0
		for i := range s.sent {
			at := wire.Uint64(s.in[8*i:])
			if !s.greeted {
				s.sent[i] = max(s.sent[i], at)
			}
			if at > s.state.acked[i] && at <= s.sent[i] {
				storeSeq(&s.state.acked[i], at)
				s.tries = 0
			}
		}
		s.greeted = true
	}
}

// pump sends what there is to send until the socket is full. It tells whether
// anything was sent.
func (s *sink) pump(m *monitor, final [2]bool) bool {
	if s.fd < 0 || !s.greeted || s.full {
		return false
	}
	sent := false
	for {
		if len(s.out) == 0 && !s.next(m.j, final) {
			return sent
		}
		n, errno := write(s.fd, s.out)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			s.full = true
			return sent
		case errno != 0:
			m.stopSink(s)
			return true
		default:
			s.out = s.out[n:]
			sent = true
		}
	}
}

// next lays out the next frame: whole lines, or a piece of one too long to wait
// for its end.
func (s *sink) next(j *journal, final [2]bool) bool {
	for i := range s.sent {
		end := j.end(i)
		s.sent[i] = min(s.sent[i], end)
		b := j.view(i, s.sent[i], min(end, s.sent[i]+wire.MaxFeed))
		last := final[i] && s.sent[i]+uint64(len(b)) == end
		n := len(b)
		if !last {
			if n = bytes.LastIndexByte(b, '\n') + 1; n == 0 {
				n, _ = cutLine(b, false)
			}
		}
		justEnded := last && len(b) == 0 && end > 0 && !s.ended[i]
		if n == 0 && !justEnded {
			continue
		}
		f := wire.FeedFrame{Stream: byte(i), Length: n, Offset: s.sent[i], Time: now(clockRealtime)}
		if last {
			f.Flags, s.ended[i] = wire.FeedFinal, true
		}
		s.out = append(f.Append(s.frame[:0]), b[:n]...)
		s.sent[i] += uint64(n)
		return true
	}
	return false
}

// giveUp makes room in the ring of stream i, for a container that must not wait:
// the oldest lines that have not been sent are lost. Those that have been sent
// arrive, unless the program dies.
func (s *sink) giveUp(j *journal, i int) {
	end := j.end(i)
	from := min(max(s.sent[i], s.state.acked[i]), end)
	to := min(end, max(from, s.state.acked[i]+j.ring/8))
	if b := j.view(i, to, end); len(b) > 0 && to > from {
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			to += uint64(n) + 1
		} else {
			to = end
		}
	}
	s.state.lost += uint64(bytes.Count(j.view(i, from, to), []byte{'\n'}))
	s.sent[i] = max(to, from)
	storeSeq(&s.state.acked[i], s.sent[i])
}

// makeRoom has the sinks that hold a full ring back give something up. It tells
// whether there is room now.
func (m *monitor) makeRoom(i int) bool {
	if !m.c.drop {
		return false
	}
	made := false
	for _, s := range m.sinks {
		if s.state.acked[i]+m.j.ring <= m.j.end(i) {
			s.giveUp(m.j, i)
			made = true
		}
	}
	return made && m.floor(i)+m.j.ring > m.j.end(i)
}

// tendSinks starts again what has ended.
func (m *monitor) tendSinks() {
	for _, s := range m.sinks {
		if s.at != 0 && m.clock >= s.at && m.state < exited {
			m.startSink(s)
		}
	}
}

// allTaken tells whether the sinks have all of the output, or had their time.
func (m *monitor) allTaken() bool {
	for _, s := range m.sinks {
		if s.state.acked != [2]uint64{m.j.end(0), m.j.end(1)} {
			return m.clock-max(m.goneAt, m.lastData) >= sinkWait
		}
	}
	return true
}

// closeSinks tells the sinks to end by closing their sockets. What they have not
// taken is lost, and counted.
func (m *monitor) closeSinks() {
	for _, s := range m.sinks {
		for i := range s.sent {
			end := m.j.end(i)
			s.state.lost += uint64(bytes.Count(m.j.view(i, max(s.state.acked[i], end-min(end, m.j.ring)), end), []byte{'\n'}))
		}
		if s.fd >= 0 {
			syscall.Close(s.fd)
			s.fd = -1
		}
		s.at = 0
		if s.state.lost > 0 {
			m.reportLoss(s)
		}
	}
}

// reportLoss leaves a line about lost output among what nerd-logger says.
func (m *monitor) reportLoss(s *sink) {
	fd, err := syscall.Open(m.path(wire.LoggerLog), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	text := append(strconv.AppendUint(nil, s.state.lost, 10), " lines of output were not taken by "...)
	if s.state == &m.j.sink[sinkWriter] {
		text = append(text, "the log file\n"...)
	} else {
		text = append(text, "the log driver\n"...)
	}
	write(fd, text)
	s.state.lost = 0
}

// endSinks ends the sinks that have not taken everything, for they may never end.
// The others end by themselves, when they have sent what they hold.
func (m *monitor) endSinks() {
	for _, s := range m.sinks {
		if s.state.acked != [2]uint64{m.j.end(0), m.j.end(1)} {
			m.stopSink(s)
		}
	}
}
