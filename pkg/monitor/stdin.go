package monitor

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// stdinPump sends a reader's bytes to the monitor, one chunk at a time: the next
// one is read only when the last is in the container's FIFO. So a client that
// detaches has not taken input that it cannot deliver, and after a broken
// connection it knows exactly what to send again.
type stdinPump struct {
	send func([]byte) error

	mu     sync.Mutex
	change sync.Cond
	up     bool   // the monitor has said Ready on this connection
	base   uint64 // bytes acknowledged before chunk
	chunk  []byte // sent, not acknowledged
	eof    bool
	over   bool // the monitor wants no more
}

func newStdinPump(send func([]byte) error) *stdinPump {
	p := &stdinPump{send: send}
	p.change.L = &p.mu
	return p
}

// copy passes on r until its end. Its error is r's.
func (p *stdinPump) copy(r io.Reader) error {
	buf := make([]byte, wire.MaxInput)
	for {
		n, err := r.Read(buf)
		if n > 0 && !p.give(buf[:n]) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			p.end()
			return nil
		}
		if errors.Is(err, ErrDetached) {
			return ErrDetached
		}
		if err != nil {
			return fmt.Errorf("read stdin: %w", err)
		}
	}
}

// give sends b and waits until it has been handed over. False: no more is wanted.
func (p *stdinPump) give(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chunk = b
	if p.up {
		p.sendLocked()
	}
	for len(p.chunk) > 0 && !p.over {
		p.change.Wait()
	}
	return !p.over
}

// sendLocked sends what is due. A write error is left to the reading side, which
// sees the connection's end too and finds another.
func (p *stdinPump) sendLocked() {
	frame := make([]byte, 0, wire.HeaderSize+len(p.chunk))
	if len(p.chunk) > 0 {
		frame = append(wire.AppendHeader(frame, wire.Stdin, len(p.chunk)), p.chunk...)
	}
	if p.eof && !p.over {
		frame = wire.AppendHeader(frame, wire.StdinEOF, 0)
	}
	if len(frame) > 0 && p.send(frame) != nil {
		p.up = false
	}
}

func (p *stdinPump) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eof = true
	if p.up {
		p.sendLocked()
	}
}

// acknowledge takes the monitor's count of bytes handed over.
func (p *stdinPump) acknowledge(count uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trim(count)
	p.change.Broadcast()
}

func (p *stdinPump) trim(count uint64) {
	if n := count - p.base; count > p.base && n <= uint64(len(p.chunk)) {
		p.chunk = p.chunk[n:]
		p.base = count
	}
}

// online follows a Ready frame: the monitor has count bytes.
func (p *stdinPump) online(count uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trim(count)
	p.up = true
	p.sendLocked()
	p.change.Broadcast()
}

// offline follows the loss of the connection.
func (p *stdinPump) offline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = false
}

// closed: the monitor takes no more.
func (p *stdinPump) closed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.change.Broadcast()
}

// acked is how many bytes have been handed over.
func (p *stdinPump) acked() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base
}
