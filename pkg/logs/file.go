package logs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	blockSize = 64 << 10
	// maxEntry bounds the memory for one entry, in bytes. An entry of nerd's or
	// Docker's own is below 200 KiB.
	maxEntry = 16 << 20
)

// file is one open file of a log, and how far it has been read.
type file struct {
	f    *os.File
	info fs.FileInfo
	zip  *gzip.Reader // nil: it is not compressed
	of   uint64       // inode of the file that was compressed, 0: not known
	hurt error        // why a compressed file ends early
	off  int64        // of the first byte that next has not returned
	buf  []byte
	from int // buf[from:to] are the bytes at off
	to   int
}

const packedSuffix = ".gz"

func openFile(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l := &file{f: f, info: info}
	if strings.HasSuffix(path, packedSuffix) {
		l.unpack()
	}
	return l, nil
}

// unpack begins to read a compressed file. One that is not one is damaged.
func (l *file) unpack() {
	l.zip, l.hurt = gzip.NewReader(l.f)
	if l.hurt != nil {
		l.zip = new(gzip.Reader)
		return
	}
	if digits, ok := strings.CutPrefix(l.zip.Comment, "inode "); ok {
		l.of, _ = strconv.ParseUint(digits, 10, 64)
	}
}

// is tells whether this is another file, or what has been made of it.
func (l *file) is(other fs.FileInfo) bool {
	if os.SameFile(l.info, other) {
		return true
	}
	st, ok := other.Sys().(*syscall.Stat_t)
	return ok && l.zip != nil && l.of != 0 && l.of == st.Ino
}

// read reads what follows the n bytes that the buffer holds.
func (l *file) read(b []byte, n int) (int, error) {
	if l.zip == nil {
		return l.f.ReadAt(b, l.off+int64(n))
	}
	if l.hurt != nil {
		return 0, io.EOF
	}
	for {
		got, err := l.zip.Read(b)
		if err != nil && !errors.Is(err, io.EOF) {
			l.hurt = err
		}
		if got > 0 {
			return got, nil
		}
		if err != nil {
			return 0, io.EOF
		}
	}
}

func (l *file) close() error { return l.f.Close() }

// next is the next complete line, with its newline, or nil at the end of the
// file. The line is valid until the next call.
func (l *file) next() ([]byte, error) {
	searched := l.from
	for {
		if i := bytes.IndexByte(l.buf[searched:l.to], '\n'); i >= 0 {
			line := l.buf[l.from : searched+i+1]
			l.from += len(line)
			l.off += int64(len(line))
			return line, nil
		}
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from, searched = 0, l.to
		if l.to == len(l.buf) {
			if l.to >= maxEntry {
				return nil, fmt.Errorf("%s: an entry is longer than %d bytes", l.f.Name(), maxEntry)
			}
			l.buf = append(l.buf, make([]byte, max(blockSize, len(l.buf)))...)
		}
		n, err := l.read(l.buf[l.to:], l.to)
		l.to += n
		if n == 0 {
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			return nil, err
		}
	}
}

// rest is what follows the last complete line at the end of a file that nobody
// writes any more.
func (l *file) rest() []byte { return l.buf[l.from:l.to] }

// truncated tells whether the file has become shorter than what was read.
func (l *file) truncated() bool {
	info, err := l.f.Stat()
	return err == nil && l.zip == nil && info.Size() < l.off
}

func (l *file) rewind() {
	l.off, l.from, l.to = 0, 0, 0
	if l.zip == nil {
		return
	}
	if _, l.hurt = l.f.Seek(0, io.SeekStart); l.hurt == nil {
		l.hurt = l.zip.Reset(l.f)
	}
}

// seekTail moves to the n-th line from the end, and returns how many of n lines
// the file does not have.
func (l *file) seekTail(n int) (int, error) {
	if l.zip != nil {
		return l.seekTailPacked(n)
	}
	end, err := l.lastNewline()
	if err != nil || end == 0 {
		return n, err
	}
	block := make([]byte, blockSize)
	for pos := end - 1; pos > 0; { // the newline at end-1 ends the last line
		size := min(pos, blockSize)
		b := block[:size]
		if _, err := l.f.ReadAt(b, pos-size); err != nil {
			return 0, err
		}
		for i := bytes.LastIndexByte(b, '\n'); i >= 0; i = bytes.LastIndexByte(b[:i], '\n') {
			if n--; n == 0 {
				l.off = pos - size + int64(i) + 1
				return 0, nil
			}
		}
		pos -= size
	}
	return n - 1, nil
}

// seekTailPacked is seekTail for a compressed file, which can only be read from its
// start: once to count its lines, once to skip them.
func (l *file) seekTailPacked(n int) (int, error) {
	count := 0
	for {
		line, err := l.next()
		if err != nil {
			return 0, err
		}
		if line == nil {
			break
		}
		count++
	}
	l.rewind()
	for range count - n {
		if _, err := l.next(); err != nil {
			return 0, err
		}
	}
	return max(0, n-count), nil
}

// lastNewline is the offset after the last newline, or 0.
func (l *file) lastNewline() (int64, error) {
	info, err := l.f.Stat()
	if err != nil {
		return 0, err
	}
	block := make([]byte, blockSize)
	for end := info.Size(); end > 0; {
		size := min(end, blockSize)
		if _, err := l.f.ReadAt(block[:size], end-size); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(block[:size], '\n'); i >= 0 {
			return end - size + int64(i) + 1, nil
		}
		end -= size
	}
	return 0, nil
}

// seekEnd moves behind the last complete line.
func (l *file) seekEnd() (err error) {
	if l.zip != nil {
		l.zip, l.hurt = new(gzip.Reader), io.EOF
		return nil
	}
	l.off, err = l.lastNewline()
	return err
}
