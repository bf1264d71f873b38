package idle

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A call that runs keeps the server, and the last one to end starts the clock.
func TestBusy(t *testing.T) {
	ended := make(chan struct{})
	w := New(time.Hour, func() { close(ended) })
	call := func(inside func()) error {
		_, err := w.Unary(t.Context(), nil, nil, func(context.Context, any) (any, error) {
			inside()
			return nil, nil
		})
		return err
	}
	err := call(func() {
		w.expire() // a timer that has fired just before
		if err := call(func() {}); err != nil {
			t.Error(err)
		}
		w.expire()
		select {
		case <-ended:
			t.Error("ended during a call")
		default:
		}
	})
	if err != nil {
		t.Error(err)
	}
	w.expire()
	<-ended
	if err := call(func() {}); status.Code(err) != codes.Unavailable {
		t.Errorf("a call after the end: %v", err)
	}
	if err := w.Stream(nil, nil, nil, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("a stream after the end: %v", err)
	}
	w.expire() // once is enough
}

func TestClock(t *testing.T) {
	ended := make(chan struct{})
	New(time.Millisecond, func() { close(ended) })
	<-ended
}
