package main

import (
	"sync/atomic"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// Stdin is kept in the journal's file too, behind the rings, and goes on to the
// container by splice(2), whose input offset is a word of the header: so here as
// well a SIGKILL makes nothing come twice or not at all. The pipe then refers to
// the file's pages, so they are not written again but cut off, long after the
// container has taken what is in them.
const (
	// stdinAhead is how many bytes are taken from clients before the container
	// takes them.
	stdinAhead = 128 << 10
	// stdinLimit is more than clients can send that wait for acknowledgements.
	stdinLimit = 4 << 20
	// stdinKeep is after how many bytes the pages are cut off.
	stdinKeep = 1 << 20
)

// stdinState is how much stdin has come. Two take turns, as with commit.
type stdinState struct {
	end  int64 // file offset of the end
	next uint64
	keys [8]stdinKey
}

// stdinKey is how many bytes one client has handed over.
type stdinKey struct{ key, count uint64 }

func (j *journal) stdinNow() *stdinState { return &j.stdin[j.stdinSeq&1] }

// stdinCount is how many bytes the client key has handed over.
func (j *journal) stdinCount(key uint64) uint64 {
	for _, k := range j.stdinNow().keys {
		if k.key == key {
			return k.count
		}
	}
	return 0
}

// keepStdin appends b, which the client key has sent.
func (j *journal) keepStdin(key uint64, b []byte) bool {
	s := *j.stdinNow()
	for rest := b; len(rest) > 0; {
		n, err := syscall.Pwrite(j.fd, rest, s.end)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false
		}
		rest = rest[n:]
		s.end += int64(n)
	}
	j.publishStdin(s, key, len(b))
	return true
}

// publishStdin counts n more bytes of key and makes s valid, by one store.
func (j *journal) publishStdin(s stdinState, key uint64, n int) {
	i := 0
	for i < len(s.keys) && s.keys[i].key != key {
		i++
	}
	if i == len(s.keys) {
		i = int(s.next % uint64(len(s.keys)))
		s.next++
		s.keys[i] = stdinKey{key: key}
	}
	s.keys[i].count += uint64(n)
	j.stdin[(j.stdinSeq+1)&1] = s
	atomic.AddUint64(&j.stdinSeq, 1)
}

// stdinPending is how many bytes the container has not taken yet.
func (j *journal) stdinPending() int64 { return j.stdinNow().end - j.stdinSent }

// giveStdin takes what a client has sent. False: it sends without waiting to be
// asked, or there is no room left for the file.
func (m *monitor) giveStdin(c *client, b []byte) bool {
	c.ackDue = true
	if m.stdin < 0 || m.state != running {
		m.j.publishStdin(*m.j.stdinNow(), c.key, len(b)) // nobody can read it any more
		return true
	}
	return m.j.stdinPending() < stdinLimit && m.j.keepStdin(c.key, b)
}

// feedStdin passes on what the FIFO has room for.
func (m *monitor) feedStdin() {
	for m.stdin >= 0 && m.j.stdinPending() > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(m.j.fd), offset(&m.j.stdinSent), uintptr(m.stdin), 0, uintptr(m.j.stdinPending()), spliceNonblock)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			return
		}
		if m.j.stdinSent-m.stdinCut >= 2*stdinKeep {
			cut := (m.j.stdinSent - stdinKeep) &^ (stdinKeep - 1)
			syscall.Fallocate(m.j.fd, fallocPunchHole, m.j.size(), cut-m.j.size())
			m.stdinCut = cut
		}
	}
}

// tendStdin acknowledges stdin and answers the clients that have ended it. The
// FIFO is closed only when the container has been started: until then nobody
// else has it open, and what is in it would be lost.
func (m *monitor) tendStdin() {
	m.feedStdin()
	pending := m.j.stdinPending()
	if m.stdin < 0 {
		pending = 0
	}
	for _, c := range m.clients {
		if c.ackDue && pending < stdinAhead {
			c.ackDue = false
			m.ack(c)
			m.flush(c)
		}
	}
	if m.j.pid == 0 && m.state == running || pending > 0 && m.state == running {
		return
	}
	for _, c := range m.clients {
		if c.eof {
			m.answerEOF(c)
		}
	}
	if m.closeStdin {
		m.shutStdin()
	}
	if m.stdinGone && m.state == running && m.helper.pid == 0 {
		m.stdinGone = false
		m.runHelper(wire.HelperStdin)
	}
}

// answerEOF closes stdin if it is the client's to close.
func (m *monitor) answerEOF(c *client) {
	c.eof = false
	var answer [1]byte
	if m.c.openStdin && m.c.stdinOnce && !m.c.tty {
		answer[0] = 1
		m.shutStdin()
	}
	c.gone = c.gone || !c.control(wire.StdinClosed, answer[:])
	m.flush(c)
}

// stdinLeft follows the loss of a client with stdin that has not ended it. In a
// terminal it has merely detached.
func (m *monitor) stdinLeft() {
	if m.c.stdinOnce && !m.c.tty && m.j.stdinClosed == 0 {
		m.closeStdin, m.stdinGone = true, true
	}
}

func (m *monitor) shutStdin() {
	m.j.stdinClosed = 1
	if m.stdin >= 0 {
		syscall.Close(m.stdin)
		m.stdin = -1
	}
}
