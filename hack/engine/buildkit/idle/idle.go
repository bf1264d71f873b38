// Package idle ends a gRPC server that nobody has asked anything for a while.
package idle

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Watch counts the calls that a server is busy with.
type Watch struct {
	after time.Duration
	end   func()

	mu    sync.Mutex
	busy  int
	ended bool
	timer *time.Timer
}

// New makes a Watch that calls end, once, when no call has run for so long. It
// counts from now on.
func New(after time.Duration, end func()) *Watch {
	w := &Watch{after: after, end: end}
	w.timer = time.AfterFunc(after, w.expire)
	return w
}

// expire ends the server, unless a call was faster. From then on calls are
// refused, so none is cut off half-way: who asks whether the server is there gets
// the answer no, and may start a new one.
func (w *Watch) expire() {
	w.mu.Lock()
	if w.busy > 0 || w.ended {
		w.mu.Unlock()
		return
	}
	w.ended = true
	w.mu.Unlock()
	w.end()
}

func (w *Watch) enter() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return status.Error(codes.Unavailable, "the server ends, as it has been idle")
	}
	w.busy++
	w.timer.Stop()
	return nil
}

func (w *Watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	if w.busy == 0 {
		w.timer.Reset(w.after)
	}
}

// Unary counts a call.
func (w *Watch) Unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := w.enter(); err != nil {
		return nil, err
	}
	defer w.leave()
	return handler(ctx, req)
}

// Stream counts a stream for as long as it is open.
func (w *Watch) Stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer w.leave()
	return handler(srv, stream)
}
