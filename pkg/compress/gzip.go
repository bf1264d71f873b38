package compress

import (
	"io"
	"runtime"

	"github.com/klauspost/compress/gzip"
)

const (
	// gzipPart is how much is compressed by itself: more costs memory, less costs
	// the dictionary too often.
	gzipPart = 1 << 20
	// gzipLevel is a fast one: such layers stay on this machine more often than they travel.
	gzipLevel = 2
)

// gzipWriter compresses parts of a stream on all processors. Each becomes a
// member of its own: a gzip file may have any number of them.
type gzipWriter struct {
	part  []byte
	queue chan chan result // in the order of the stream
	slots chan struct{}
	done  chan struct{}
	err   error // of the writing end, valid once done is closed
	began bool
}

type result struct {
	data []byte
	err  error
}

func newGzip(w io.Writer) *gzipWriter {
	n := runtime.GOMAXPROCS(0)
	g := &gzipWriter{queue: make(chan chan result, n), slots: make(chan struct{}, n), done: make(chan struct{})}
	go func() {
		defer close(g.done)
		for next := range g.queue {
			r := <-next
			if g.err != nil {
				continue // the queue is emptied, so that nobody waits for ever
			}
			if g.err = r.err; g.err == nil {
				_, g.err = w.Write(r.data)
			}
		}
	}()
	return g
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if g.part == nil {
			g.part = make([]byte, 0, gzipPart)
		}
		n := min(len(p), gzipPart-len(g.part))
		g.part, p = append(g.part, p[:n]...), p[n:]
		if len(g.part) == gzipPart {
			if err := g.send(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// send gives the part away. It waits while all processors are at work.
func (g *gzipWriter) send() error {
	select {
	case <-g.done:
		return g.err
	case g.slots <- struct{}{}:
	}
	part := g.part
	g.part, g.began = nil, true
	out := make(chan result, 1)
	g.queue <- out
	go func() {
		data, err := gzipMember(part)
		out <- result{data, err}
		<-g.slots
	}()
	return nil
}

// Close compresses what is left and waits until all is written.
func (g *gzipWriter) Close() error {
	if len(g.part) > 0 || !g.began {
		if err := g.send(); err != nil {
			return err
		}
	}
	close(g.queue)
	<-g.done
	return g.err
}

func gzipMember(part []byte) ([]byte, error) {
	var out sliceWriter
	z, err := gzip.NewWriterLevel(&out, gzipLevel)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(part); err != nil {
		return nil, err
	}
	err = z.Close() // writes to out
	return out, err
}

type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
