package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The journal is a file that outlives a killed monitor: a header page and one
// ring per output stream. It is also the buffer that the monitor works in, so
// keeping it costs nothing.
//
// Output enters a ring by splice(2), whose output offset is a word of the
// header: the kernel copies the bytes and advances the word within one system
// call, so a SIGKILL cannot come between and no byte is lost or read twice.
const (
	journalMagic   = 0x316e6f6d6472656e // "nerdmon1"
	journalVersion = 1
	headerSize     = 4 << 10
	defaultRing    = 128 << 10 // size of a ring in bytes
	largestRing    = 256 << 20
)

// header is the first page of the journal.
type header struct {
	magic, version uint64
	nonce          uint64 // of the container's start
	stream         [2]streamHeader
	commitSeq      uint64    // commit[commitSeq%2] is valid
	commit         [2]commit // what the log file holds
	plan           plan      // the write that may be under way
	pid            uint64    // of the container, 0: not started
	pidStart       uint64    // clock ticks after boot at which it was started
	stdinClosed    uint64    // 1: the monitor's end of stdin is closed
	exited         uint64    // 1: the container is gone and drained
	doneFlags      uint64    // the owner's last word plus one; 0: none yet
	clients        uint64    // clients that have said hello
	owners         uint64    // of these, owners
	stdinHolders   uint64    // of these, with stdin and not at its end
	stdinSeq       uint64    // stdin[stdinSeq%2] is valid
	stdin          [2]stdinState
	stdinSent      int64        // file offset up to which the container has been given stdin
	started        int64        // monotonic time at which a monitor last took over
	crashes        uint64       // quick deaths in a row
	healthAt       int64        // monotonic time of the next health check; 0: none is due
	sink           [2]sinkState // how far the programs are that take the output from here
}

// streamHeader is how far a stream has been read. Two words take turns as the
// position, so that beginning a new lap of the ring is one store, to lap.
type streamHeader struct {
	lap   uint64
	pos   [2]int64 // file offset of the ring's end of data, in even and odd laps
	floor uint64   // offset of the first byte that some client has not got yet
}

// commit is the state of the log file after a complete write.
type commit struct {
	logged  [2]uint64 // stream offset up to which entries have been written
	partial [2]int64  // time of the first piece of a line in pieces; 0: none
}

// plan has all that decides the bytes of the next write. A new monitor computes
// them again, compares with the size of the file and writes what is missing.
type plan struct {
	seq   uint64 // commitSeq that this write leads to; any other: no plan
	now   int64
	end   [2]uint64
	final [2]bool
	inode uint64
	base  int64 // size of the file before the write
	max   int64 // size at which the write must stop
}

type journal struct {
	*header
	fd    int
	ring  uint64    // size of each ring in bytes, a whole number of pages
	rings [2][]byte // each mapped twice in a row, so no view of it ever wraps
}

// openJournal opens or makes the journal at path and locks it. It is also the
// lock by which at most one monitor serves a container. With fresh the file is a
// new one: the monitor of the last start may still have the old one mapped. The
// second result tells whether what was found has been taken over.
func openJournal(path string, ring uint64, fresh bool, nonce uint64, wait int64) (*journal, bool, syscall.Errno) {
	fd, errno := lockJournal(path, fresh, wait)
	if errno != 0 {
		return nil, false, errno
	}
	var st syscall.Stat_t
	j := &journal{fd: fd, ring: ring}
	if err := syscall.Fstat(fd, &st); err == nil && st.Size < j.size() {
		err = syscall.Ftruncate(fd, j.size())
		if err != nil {
			return nil, false, err.(syscall.Errno)
		}
	}
	// On a full tmpfs a store to a page that is not there would be a SIGBUS.
	if err := syscall.Fallocate(fd, 0, 0, headerSize); err == syscall.ENOSPC {
		return nil, false, syscall.ENOSPC
	}
	if errno := j.mapAll(); errno != 0 {
		return nil, false, errno
	}
	valid := j.magic == journalMagic && j.version == journalVersion
	if fresh || !valid {
		*j.header = header{version: journalVersion, nonce: nonce}
		for i := range j.stream {
			j.stream[i].pos[0] = j.start(i)
		}
		j.stdin[0].end, j.stdinSent = j.size(), j.size()
		atomic.StoreUint64(&j.magic, journalMagic)
	}
	return j, valid && !fresh, 0
}

// lockJournal waits up to wait nanoseconds for the lock. A file that its last
// holder has removed is not the journal any more. With fresh, a file that is not
// empty is removed.
func lockJournal(path string, fresh bool, wait int64) (int, syscall.Errno) {
	deadline := now(clockMonotonic) + wait
	for {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return -1, err.(syscall.Errno)
		}
		err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && isNamed(fd, path) {
			var st syscall.Stat_t
			if !fresh || syscall.Fstat(fd, &st) == nil && st.Size == 0 {
				return fd, 0
			}
			syscall.Unlink(path)
		}
		syscall.Close(fd)
		if err == nil {
			continue
		}
		if now(clockMonotonic) >= deadline {
			return -1, syscall.EBUSY
		}
		syscall.Nanosleep(&syscall.Timespec{Nsec: 1e6}, nil)
	}
}

// isNamed tells whether path still names the open file fd.
func isNamed(fd int, path string) bool {
	var held, named syscall.Stat_t
	return syscall.Fstat(fd, &held) == nil && syscall.Stat(path, &named) == nil &&
		held.Ino == named.Ino && held.Dev == named.Dev
}

func (j *journal) mapAll() syscall.Errno {
	p, errno := mapFile(0, j.fd, 0, headerSize)
	if errno != 0 {
		return errno
	}
	j.header = (*header)(pointer(p))
	for i := range j.rings {
		// Reserve room for both copies, then put them over it.
		p, errno := mapFile(0, j.fd, j.start(i), uintptr(2*j.ring))
		if errno != 0 {
			return errno
		}
		for lap := range uintptr(2) {
			if _, errno := mapFile(p+lap*uintptr(j.ring), j.fd, j.start(i), uintptr(j.ring)); errno != 0 {
				return errno
			}
		}
		j.rings[i] = memory(p, int(2*j.ring))
	}
	return 0
}

// start is where ring i is in the file.
func (j *journal) start(i int) int64 { return headerSize + int64(uint64(i)*j.ring) }

// size is that of the header and both rings; what follows in the file is stdin's.
func (j *journal) size() int64 { return j.start(2) }

// end is the offset of the end of what has been read of stream i.
func (j *journal) end(i int) uint64 {
	s := &j.stream[i]
	return s.lap*j.ring + uint64(s.pos[s.lap&1]-j.start(i))
}

// view is the bytes of stream i from one offset to another.
func (j *journal) view(i int, from, to uint64) []byte {
	at := from % j.ring
	return j.rings[i][at : at+to-from]
}

// fill reads from the FIFO fd into ring i, keeping what lies after floor. It
// returns 0 and no error at the end of the FIFO, and EAGAIN if it is empty.
func (j *journal) fill(i, fd int, floor uint64) (int, syscall.Errno) {
	s := &j.stream[i]
	pos := &s.pos[s.lap&1]
	if *pos == j.start(i+1) {
		s.pos[(s.lap+1)&1] = j.start(i)
		atomic.AddUint64(&s.lap, 1)
		pos = &s.pos[s.lap&1]
	}
	room := j.ring - (j.end(i) - floor)
	if room == 0 {
		return 0, syscall.ENOBUFS
	}
	n := min(room, uint64(j.start(i+1)-*pos))
	for {
		r, errno := splice(fd, j.fd, pos, int(n))
		if errno != syscall.EINTR {
			return r, errno
		}
	}
}

// committed is the valid commit.
func (j *journal) committed() *commit { return &j.commit[j.commitSeq&1] }

// publish makes c the valid commit, by one store.
func (j *journal) publish(c commit) {
	j.commit[(j.commitSeq+1)&1] = c
	atomic.AddUint64(&j.commitSeq, 1)
}

// A header that outgrows its page would run into the first ring.
// Its size is checked by the compiler.
var _ [headerSize - unsafe.Sizeof(header{})]byte

// storeSeq is an atomic store: what was stored before it is seen before it.
func storeSeq(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
