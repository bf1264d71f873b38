package direct

import (
	digest "github.com/opencontainers/go-digest"
)

// hasher computes a digest beside the one who writes: reading the files of a
// layer and hashing them take about as long as each other.
type hasher struct {
	digester   digest.Digester
	full, free chan []byte
	done       chan struct{}
	now        []byte
	ended      bool
}

// chunk is how much is hashed at once, in bytes, and chunks how much may wait.
const (
	chunk  = 256 << 10
	chunks = 8
)

func newHasher() *hasher {
	h := &hasher{
		digester: digest.Canonical.Digester(),
		full:     make(chan []byte, chunks), free: make(chan []byte, chunks), done: make(chan struct{}),
	}
	go func() {
		defer close(h.done)
		for p := range h.full {
			_, _ = h.digester.Hash().Write(p) // never fails
			select {
			case h.free <- p[:0]:
			default:
			}
		}
	}()
	return h
}

// buffer is one that has been hashed, or a new one.
func (h *hasher) buffer() []byte {
	select {
	case b := <-h.free:
		return b
	default:
		return make([]byte, 0, chunk)
	}
}

func (h *hasher) write(p []byte) {
	for len(p) > 0 {
		if h.now == nil {
			h.now = h.buffer()
		}
		n := min(len(p), chunk-len(h.now))
		h.now = append(h.now, p[:n]...)
		p = p[n:]
		if len(h.now) == chunk {
			h.full <- h.now
			h.now = nil
		}
	}
}

// digest is that of all that was written. Nothing may be written after it.
func (h *hasher) digest() digest.Digest {
	h.end()
	return h.digester.Digest()
}

func (h *hasher) end() {
	if h.ended {
		return
	}
	h.ended = true
	if len(h.now) > 0 {
		h.full <- h.now
	}
	close(h.full)
	<-h.done
}
