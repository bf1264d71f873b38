package main

import (
	"strconv"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// logFile writes a container's log, as json-file or as lines. Every write is planned in the
// journal first and committed there afterwards.
type logFile struct {
	fd      int      // -1: not open
	names   []string // the log and its rotated predecessors, youngest first
	maxSize int64
	attrs   string
	lines   bool   // see config
	logger  string // compresses what has been rotated; empty: nobody does
	packing []int  // processes that do
	out     []byte // encoded entries of one write
	tails   [2][]byte
	full    bool // encode stopped at the file's largest size
	dirty   bool // out has been used since trim
}

// outSize is room for the longest possible entry and for a good many short ones.
const outSize = 128 << 10

func newLogFile(c *config) *logFile {
	l := &logFile{fd: -1, maxSize: c.maxSize, attrs: readAttrs(c), lines: c.lines}
	if c.compress && c.maxFile > 1 {
		l.logger = c.logger
	}
	l.names = append(l.names, c.logPath)
	for i := 1; i < c.maxFile; i++ {
		l.names = append(l.names, c.logPath+"."+strconv.Itoa(i))
	}
	l.out = mapMemory(outSize + len(l.attrs) + 128)
	return l
}

// readAttrs is what every entry carries. It is in a file because a command line can
// be read by anybody.
func readAttrs(c *config) string {
	if !c.attrs {
		return ""
	}
	buf := mapMemory(maxCmdline)
	defer syscall.Munmap(buf)
	return string(readFile(c.dir+"/"+wire.AttrsName, buf))
}

// open opens the current log for appending.
func (l *logFile) open() bool {
	if l.fd >= 0 {
		return true
	}
	fd, err := syscall.Open(l.names[0], syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o640)
	if err == nil {
		l.fd = fd
	}
	return err == nil
}

// stat is the inode and the size of the log.
func (l *logFile) stat() (inode uint64, size int64) {
	var st syscall.Stat_t
	if syscall.Fstat(l.fd, &st) != nil {
		return 0, 0
	}
	return st.Ino, st.Size
}

// recover finishes the write that a killed monitor had planned, if any: what is
// missing is written, what is there stays, so that a reader sees each entry once.
func (l *logFile) recover(j *journal) {
	if j.plan.seq != j.commitSeq+1 || !l.open() {
		return
	}
	c := *j.committed()
	out := l.encode(j, &c, &j.plan)
	inode, size := l.stat()
	if done := size - j.plan.base; inode == j.plan.inode && done > 0 {
		out = out[min(int(done), len(out)):]
	}
	l.append(out)
	j.publish(c)
}

// pump writes what can be written of the streams' rings. A stream that is final
// is written to its last byte. It tells whether anything was written.
func (l *logFile) pump(j *journal, final [2]bool) bool {
	return l.pumpAt(j, final, now(clockRealtime))
}

// pumpAt is pump with the time that the entries get.
func (l *logFile) pumpAt(j *journal, final [2]bool, at int64) bool {
	c := *j.committed()
	if c.logged == [2]uint64{j.end(0), j.end(1)} {
		return false
	}
	l.open()
	inode, size := l.stat()
	p := plan{seq: j.commitSeq + 1, now: at, end: [2]uint64{j.end(0), j.end(1)}, final: final, inode: inode, base: size, max: l.maxSize}
	out := l.encode(j, &c, &p)
	if len(out) == 0 {
		return l.rotateFull(size)
	}
	// A plan without its number is not followed, so the number comes last.
	seq := p.seq
	p.seq = 0
	j.plan = p
	storeSeq(&j.plan.seq, seq)
	l.append(out)
	j.publish(c)
	return true
}

// rotateFull rotates the log if the next entry was not written because the file
// has reached its size.
func (l *logFile) rotateFull(size int64) bool {
	if !l.full || size < l.maxSize {
		return false
	}
	l.rotate()
	return true
}

// append writes out. Entries that do not fit on the disk are dropped, as Docker
// drops them: a full disk must not stop the container. No half entry stays.
func (l *logFile) append(out []byte) {
	if l.fd < 0 {
		return
	}
	_, size := l.stat()
	for len(out) > 0 {
		n, errno := write(l.fd, out)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n <= 0 {
			syscall.Ftruncate(l.fd, size)
			return
		}
		out = out[n:]
	}
}

// encode turns the bytes between c.logged and p.end into entries, as far as
// l.out and p.max allow, and advances c. It depends on nothing else, so that it
// yields the same bytes again.
func (l *logFile) encode(j *journal, c *commit, p *plan) []byte {
	out := l.out[:0]
	l.full = false
	for i := range c.logged {
		if c.logged[i] == p.end[i] {
			continue
		}
		l.dirty = true
		l.tails[i] = l.prepare(l.tails[i][:0], i, p.now)
		for c.logged[i] < p.end[i] {
			b := j.view(i, c.logged[i], p.end[i])
			n, whole := cutLine(b, p.final[i])
			if n == 0 {
				break
			}
			l.full = p.max > 0 && p.base+int64(len(out)) >= p.max
			if l.full || cap(out)-len(out) < growth*n+len(l.tails[i])+16 {
				return out
			}
			if l.lines {
				out = l.appendLine(out, c, p, i, b[:n], whole)
				c.logged[i] += uint64(n)
				continue
			}
			out = append(out, `{"log":"`...)
			out = appendEscaped(out, b[:n])
			if whole && c.partial[i] == 0 {
				out = append(out, l.tails[i]...)
			} else {
				out = l.appendPiece(out, c, p, i, whole)
			}
			c.logged[i] += uint64(n)
		}
	}
	return out
}

// prepare is what all entries of one write have in common: the end of a JSON
// entry, or the head of a line.
func (l *logFile) prepare(b []byte, i int, ns int64) []byte {
	if l.lines {
		return appendHead(b, i, ns)
	}
	return appendTail(b, i, l.attrs, ns)
}

// appendLine appends an entry in lines: time, stream, "F " or, if the line goes on
// in the next entry or has not been ended, "P ", and the text as it is.
func (l *logFile) appendLine(out []byte, c *commit, p *plan, i int, text []byte, whole bool) []byte {
	if c.partial[i] == 0 {
		out = append(out, l.tails[i]...)
	} else {
		out = appendHead(out, i, c.partial[i])
	}
	if whole {
		c.partial[i] = 0
		return append(append(out, "F "...), text...)
	}
	if c.partial[i] == 0 {
		c.partial[i] = p.now
	}
	out = append(append(out, "P "...), text...)
	return append(out, '\n')
}

// appendPiece ends the entry of a piece of a long line. All pieces of a line
// carry the time of the first, as Docker's do.
func (l *logFile) appendPiece(out []byte, c *commit, p *plan, i int, last bool) []byte {
	if c.partial[i] == 0 {
		c.partial[i] = p.now
	}
	out = appendTail(out, i, l.attrs, c.partial[i])
	if last {
		c.partial[i] = 0
	}
	return out
}

// trim gives back memory that only a flood of output needs. The rings' bytes
// stay in their file.
func (l *logFile) trim(j *journal) {
	if l.dirty {
		syscall.Madvise(l.out, syscall.MADV_DONTNEED)
		for _, ring := range j.rings {
			syscall.Madvise(ring, syscall.MADV_DONTNEED)
		}
		l.dirty = false
	}
}
