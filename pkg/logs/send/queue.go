package send

import (
	"context"
	"sync"
	"time"
)

// queue holds messages for a sender that works at its own pace.
type queue struct {
	mu      sync.Mutex
	batches [][]Message
	held    int // messages, those being sent included
	limit   int
	changed chan struct{} // has an element if there is something new
	empty   *sync.Cond
}

func newQueue(ctx context.Context, limit int, send func(context.Context, []Message) bool) *queue {
	q := &queue{limit: limit, changed: make(chan struct{}, 1)}
	q.empty = sync.NewCond(&q.mu)
	go q.work(ctx, send)
	return q
}

// put is false if the messages find no room.
func (q *queue) put(messages []Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held+len(messages) > q.limit {
		return false
	}
	q.held += len(messages)
	q.batches = append(q.batches, messages)
	select {
	case q.changed <- struct{}{}:
	default:
	}
	return true
}

func (q *queue) work(ctx context.Context, send func(context.Context, []Message) bool) {
	for {
		q.mu.Lock()
		batches := q.batches
		q.batches = nil
		q.mu.Unlock()
		for _, messages := range batches {
			if !send(ctx, messages) {
				return
			}
			q.mu.Lock()
			if q.held -= len(messages); q.held == 0 {
				q.empty.Broadcast()
			}
			q.mu.Unlock()
		}
		if len(batches) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-q.changed:
		}
	}
}

// drain returns when everything has been sent, or the time is over.
func (q *queue) drain(limit time.Duration) {
	over := false
	t := time.AfterFunc(limit, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		over = true
		q.empty.Broadcast()
	})
	defer t.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.held > 0 && !over {
		q.empty.Wait()
	}
}
