package main

import (
	"syscall"
	"unsafe"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// writer is a process that writes the log of a container that must never wait for
// it. It has a journal of its own, so that no line comes twice if it is killed.
type writer struct {
	j   *journal
	log *logFile
	fd  int
}

// writeFeed takes the feed until its end.
func writeFeed(c config) {
	name := [16]byte{}
	copy(name[:], "nerd-logwriter")
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&name)), 0)
	syscall.Umask(0o077)
	setCloexec(wire.FeedFD)
	j, _, errno := openJournal(c.dir+"/"+wire.WriterJournal, c.ring(), false, 1, lockWait)
	if errno != 0 {
		syscall.Exit(1)
	}
	w := &writer{j: j, log: newLogFile(&c), fd: wire.FeedFD}
	for i, at := range j.committed().logged {
		if at > j.end(i) { // killed in the midst of meet
			j.moveTo(i, at)
		}
	}
	w.log.recover(j)
	for w.ack() && w.frame() {
	}
	syscall.Exit(0)
}

// ack says how far the log is written.
func (w *writer) ack() bool {
	var b [wire.AckSize]byte
	at := w.j.committed().logged
	return writeAll(w.fd, wire.Append64(wire.Append64(b[:0], at[0]), at[1]))
}

// frame takes one frame and writes it out. False: there is none any more.
func (w *writer) frame() bool {
	var head [wire.FeedSize]byte
	if !readFull(w.fd, head[:]) {
		return false
	}
	f, ok := wire.ParseFeed(head[:])
	if !ok {
		return false
	}
	i := int(f.Stream)
	w.meet(i, f)
	end := w.j.end(i)
	known := int(min(end-f.Offset, uint64(f.Length))) // sent again: it is here already
	if known > 0 && !readFull(w.fd, w.log.out[:known]) {
		return false
	}
	n := f.Length - known
	if n > 0 {
		if !readFull(w.fd, w.j.rings[i][end%w.j.ring:][:n]) {
			return false
		}
		w.j.moveTo(i, end+uint64(n))
	}
	var final [2]bool
	final[i] = f.Flags&wire.FeedFinal != 0
	for w.log.pumpAt(w.j, final, f.Time) {
	}
	return true
}

// meet prepares for a frame. One that begins behind what is here follows a loss:
// a line that has been cut by it is ended.
func (w *writer) meet(i int, f wire.FeedFrame) {
	end := w.j.end(i)
	if f.Offset <= end {
		return
	}
	if c := w.j.committed(); c.logged[i] < end || c.partial[i] != 0 {
		w.j.rings[i][end%w.j.ring] = '\n'
		w.j.moveTo(i, end+1)
		for w.log.pumpAt(w.j, [2]bool{}, f.Time) {
		}
	}
	c := *w.j.committed()
	c.logged[i] = f.Offset
	w.j.publish(c)
	w.j.moveTo(i, f.Offset)
}

// moveTo makes offset the end of stream i.
func (j *journal) moveTo(i int, offset uint64) {
	s := &j.stream[i]
	lap := offset / j.ring
	s.pos[lap&1] = j.start(i) + int64(offset%j.ring)
	storeSeq(&s.lap, lap)
}

func readFull(fd int, b []byte) bool {
	for len(b) > 0 {
		n, errno := read(fd, b)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n <= 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func writeAll(fd int, b []byte) bool {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}
