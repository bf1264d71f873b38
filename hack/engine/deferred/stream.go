package deferred

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
)

// stream hands what is written to a reader, as io.Pipe does, and keeps what is
// read, except for what the reader seeks over: that is not even copied.
type stream struct {
	next  chan []byte
	taken chan struct{}
	now   []byte
	pos   int64
	kept  bytes.Buffer
}

func newStream() *stream {
	return &stream{next: make(chan []byte), taken: make(chan struct{})}
}

// Write returns when all of it has been read.
func (s *stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.next <- p
	<-s.taken
	return len(p), nil
}

// end is called by the writer after its last Write.
func (s *stream) end() { close(s.next) }

// fill waits for something to read.
func (s *stream) fill() error {
	for len(s.now) == 0 {
		p, ok := <-s.next
		if !ok {
			return io.EOF
		}
		s.now = p
	}
	return nil
}

// use takes n bytes, and lets the writer go on as soon as nothing is left.
func (s *stream) use(n int) {
	s.now = s.now[n:]
	s.pos += int64(n)
	if len(s.now) == 0 {
		s.taken <- struct{}{}
	}
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.fill(); err != nil {
		return 0, err
	}
	n := copy(p, s.now)
	s.kept.Write(p[:n])
	s.use(n)
	return n, nil
}

// Seek goes forward only.
func (s *stream) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, fmt.Errorf("a stream goes forward only: %w", fs.ErrInvalid)
	}
	for offset > 0 {
		if err := s.fill(); err != nil {
			return s.pos, io.ErrUnexpectedEOF
		}
		n := int(min(offset, int64(len(s.now))))
		offset -= int64(n)
		s.use(n)
	}
	return s.pos, nil
}
