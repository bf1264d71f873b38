package event

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
)

func small(t *testing.T) *Log {
	t.Helper()
	l := NewLog(filepath.Join(t.TempDir(), "events"))
	l.maxSize, l.keep = 2000, 3
	return l
}

func message(i int) events.Message {
	return New(events.ContainerEventType, events.ActionStart, strconv.Itoa(i), map[string]string{"name": "c"})
}

// past reads all that is kept.
func past(t *testing.T, l *Log, q Query) []events.Message {
	t.Helper()
	if q.Until.IsZero() {
		q.Until = time.Now()
	}
	var out []events.Message
	if err := l.Read(t.Context(), q, func(e events.Message) error { out = append(out, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSendFillsIn(t *testing.T) {
	l := NewLog(t.TempDir())
	Send(t.Context(), nil, message(0)) // nobody listens
	Send(t.Context(), l, message(1))
	got := past(t, l, Query{})
	if len(got) != 1 {
		t.Fatalf("events: %v", got)
	}
	e := got[0]
	if e.Scope != "local" || e.TimeNano == 0 || e.Time != e.TimeNano/1e9 || e.Actor.ID != "1" || e.Actor.Attributes["name"] != "c" {
		t.Errorf("event: %+v", e)
	}
}

func TestNewLaterAttributesWin(t *testing.T) {
	e := New(events.ContainerEventType, events.ActionStart, "x", map[string]string{"name": "label", "a": "b"}, nil, map[string]string{"name": "own"})
	if e.Actor.Attributes["name"] != "own" || e.Actor.Attributes["a"] != "b" {
		t.Errorf("attributes: %v", e.Actor.Attributes)
	}
}

// A full file is put away, and of the old ones only a few are kept: the space is
// bounded, and what is kept is the newest, in order and without a gap.
func TestRotationIsBounded(t *testing.T) {
	l := small(t)
	const n = 400
	for i := range n {
		Send(t.Context(), l, message(i))
	}
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > l.keep+1 {
		t.Errorf("%d files", len(entries))
	}
	got := past(t, l, Query{})
	if len(got) == 0 || len(got) == n {
		t.Fatalf("%d events are kept of %d", len(got), n)
	}
	for i, e := range got {
		if want := strconv.Itoa(n - len(got) + i); e.Actor.ID != want {
			t.Fatalf("event %d is %s, want %s", i, e.Actor.ID, want)
		}
	}
}

// Several writers and a reader that was there before: it sees every event once,
// each writer's in order, over many rotations.
func TestFollowAcrossRotations(t *testing.T) {
	l := small(t)
	l.keep = 1000 // the writers do not wait for the reader
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const writers, each = 8, 300
	last := map[string]int{}
	seen := 0
	done := errors.New("all seen")
	ready := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		first := true
		result <- l.Read(ctx, Query{}, func(e events.Message) error {
			if first {
				close(ready)
				first = false
				return nil
			}
			if e.Actor.ID == "ready" {
				return nil
			}
			var w string
			var i int
			if _, err := fmt.Sscanf(e.Actor.ID, "%s %d", &w, &i); err != nil {
				return err
			}
			if i != last[w] {
				return fmt.Errorf("writer %s: event %d after %d", w, i, last[w]-1)
			}
			last[w]++
			if seen++; seen == writers*each {
				return done
			}
			return nil
		})
	}()
	for waiting := true; waiting; {
		Send(ctx, l, New("container", "start", "ready"))
		select {
		case <-ready:
			waiting = false
		case <-time.After(5 * time.Millisecond):
		}
	}
	var g sync.WaitGroup
	for w := range writers {
		g.Go(func() {
			own := &Log{dir: l.dir, maxSize: l.maxSize, keep: l.keep} // as another process
			for i := range each {
				Send(ctx, own, New("container", "start", fmt.Sprintf("w%d %d", w, i)))
			}
		})
	}
	g.Wait()
	if err := <-result; !errors.Is(err, done) {
		t.Errorf("%v; %d of %d seen", err, seen, writers*each)
	}
}

// A reader that nobody writes for ends at its time, and with its context.
func TestReadEnds(t *testing.T) {
	l := small(t)
	start := time.Now()
	err := l.Read(t.Context(), Query{Until: start.Add(50 * time.Millisecond)}, func(events.Message) error { return nil })
	if err != nil || time.Since(start) < 50*time.Millisecond || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Read(ctx, Query{}, func(events.Message) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: %v", err)
	}
}

func TestSinceAndUntil(t *testing.T) {
	l := small(t)
	base := time.Now().Add(-time.Hour)
	for i := range 10 {
		e := message(i)
		e.TimeNano = base.Add(time.Duration(i) * time.Minute).UnixNano()
		Send(t.Context(), l, e)
	}
	got := past(t, l, Query{Since: base.Add(3 * time.Minute), Until: base.Add(5 * time.Minute)})
	if len(got) != 3 || got[0].Actor.ID != "3" || got[2].Actor.ID != "5" {
		t.Errorf("events: %v", got)
	}
}

// What a full disk left of a line does not hide what comes after it.
func TestDamagedLines(t *testing.T) {
	l := small(t)
	Send(t.Context(), l, message(1))
	f, err := l.open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"Type":"conta` + "\n\n[]\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	Send(t.Context(), l, message(2))
	got := past(t, l, Query{})
	if len(got) != 2 || got[1].Actor.ID != "2" {
		t.Errorf("events: %v", got)
	}
}

// A folder that cannot be written to costs the event, nothing else.
func TestEmitWithoutFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Send(t.Context(), NewLog(filepath.Join(file, "events")), message(1))
}

func BenchmarkEmit(b *testing.B) {
	l := NewLog(b.TempDir())
	for b.Loop() {
		Send(b.Context(), l, message(1))
	}
}
