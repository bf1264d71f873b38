package send

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// fake is a sender that fails when it is told to.
type fake struct {
	mu     sync.Mutex
	fails  int // calls that fail
	got    []string
	policy Policy
}

func (f *fake) Connect(context.Context) error { return nil }
func (f *fake) Policy() Policy                { return f.policy }
func (f *fake) Close() error                  { return nil }

func (f *fake) Send(_ context.Context, messages []Message) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		return 0, errors.New("out of order")
	}
	for _, m := range messages {
		f.got = append(f.got, string(m.Line))
	}
	return len(messages), nil
}

func (f *fake) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// feed is the monitor's end.
type feed struct {
	t *testing.T
	net.Conn
	off uint64
}

func serveFake(t *testing.T, s Sender) (*feed, chan error, *[]string) {
	t.Helper()
	ours, theirs := net.Pipe()
	result := make(chan error, 1)
	said := &[]string{}
	go func() {
		result <- Serve(t.Context(), theirs, s, func(line string) { *said = append(*said, line) })
	}()
	f := &feed{t: t, Conn: ours}
	if at := f.ack(); at != [2]uint64{} {
		t.Fatalf("greeted with %v", at)
	}
	return f, result, said
}

func (f *feed) ack() [2]uint64 {
	f.t.Helper()
	var b [wire.AckSize]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		f.t.Fatal(err)
	}
	return [2]uint64{wire.Uint64(b[:]), wire.Uint64(b[8:])}
}

func (f *feed) put(text string) {
	f.t.Helper()
	b := wire.FeedFrame{Length: len(text), Offset: f.off, Time: 1}.Append(nil)
	if _, err := f.Write(append(b, text...)); err != nil {
		f.t.Fatal(err)
	}
	f.off += uint64(len(text))
}

func TestServe(t *testing.T) {
	s := &fake{fails: 2, policy: Policy{Attempts: 3, Wait: time.Millisecond, Factor: 1, Longest: time.Second}}
	f, result, said := serveFake(t, s)
	f.put("one\ntwo\n")
	if at := f.ack(); at != [2]uint64{8, 0} {
		t.Errorf("acknowledged %v", at)
	}
	if got := s.lines(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, result); err != nil || len(*said) > 0 {
		t.Errorf("%v, %q", err, *said)
	}
}

// What cannot be sent is given up after so many attempts, counted and reported; the
// container goes on.
func TestServeGivesUp(t *testing.T) {
	s := &fake{fails: 3, policy: Policy{Attempts: 2, Wait: time.Millisecond, Factor: 1, Longest: time.Second, Pause: 50 * time.Millisecond}}
	f, result, said := serveFake(t, s)
	f.put("lost\n")
	f.ack()
	f.put("lost in the pause\n")
	f.ack()
	time.Sleep(60 * time.Millisecond)
	f.put("three\n")
	f.ack()
	if got := s.lines(); !slices.Equal(got, []string{"three"}) {
		t.Errorf("%q", got)
	}
	_ = f.Close()
	_ = receive(t, result)
	if !slices.Equal(*said, []string{"messages are lost: out of order", "2 messages were lost"}) {
		t.Errorf("%q", *said)
	}
}

// With a queue nobody waits, and what is queued is sent even after the feed's end.
func TestServeQueues(t *testing.T) {
	s := &fake{fails: 5, policy: Policy{Attempts: 100, Wait: 20 * time.Millisecond, Factor: 1, Longest: time.Second, Queue: 10}}
	f, result, _ := serveFake(t, s)
	for i := range 12 {
		f.put(fmt.Sprintf("%d\n", i))
		f.ack()
	}
	_ = f.Close()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
	if got := s.lines(); len(got) != 10 || got[9] != "9" {
		t.Errorf("%q", got)
	}
}

// The feed's end wakes a sender that is being tried again.
func TestServeEnds(t *testing.T) {
	s := &fake{fails: 1 << 30, policy: Policy{Attempts: 1 << 30, Wait: time.Hour, Factor: 1, Longest: time.Hour}}
	f, result, _ := serveFake(t, s)
	f.put("one\n")
	time.Sleep(10 * time.Millisecond)
	_ = f.Close()
	if err := receive(t, result); err != nil {
		t.Error(err)
	}
}

func TestServeNonsense(t *testing.T) {
	f, result, _ := serveFake(t, &fake{})
	if _, err := f.Write(bytes.Repeat([]byte{0xff}, wire.FeedSize)); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, result); err == nil {
		t.Error("nonsense was accepted")
	}
}

func TestSplit(t *testing.T) {
	var s splitter
	long := strings.Repeat("x", longest-1) + "é" // the cut must not come within é
	first := s.split(frame{wire.FeedFrame{Length: 3}, []byte("a\n\n")})
	if len(first) != 2 || string(first[0].Line) != "a" || len(first[1].Line) != 0 || first[0].Piece != nil {
		t.Errorf("%+v", first)
	}
	text := long + "end\nnext"
	got := s.split(frame{wire.FeedFrame{Offset: 3, Length: len(text), Flags: wire.FeedFinal}, []byte(text)})
	if len(got) != 3 || len(got[0].Line) != longest-1 || string(got[1].Line) != "éend" || string(got[2].Line) != "next" {
		t.Fatalf("%d messages", len(got))
	}
	a, b, c := got[0].Piece, got[1].Piece, got[2].Piece
	if a.Ordinal != 1 || a.Last || b.Ordinal != 2 || !b.Last || a.ID != b.ID || c == nil || c.Last || c.ID == a.ID {
		t.Errorf("%+v, %+v, %+v", a, b, c)
	}
	// After a gap the line does not go on.
	s.split(frame{wire.FeedFrame{Offset: 100, Length: 1}, []byte("y")})
	if got := s.split(frame{wire.FeedFrame{Offset: 200, Length: 2}, []byte("z\n")}); got[0].Piece != nil {
		t.Errorf("%+v", got[0].Piece)
	}
}

// Whatever a feed carries, all of its text comes out again.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nb"), uint64(0), byte(0))
	f.Add(bytes.Repeat([]byte("é"), longest), uint64(7), byte(1))
	f.Fuzz(func(t *testing.T, text []byte, offset uint64, flags byte) {
		if len(text) > wire.MaxFeed {
			t.Skip("no such frame")
		}
		var s splitter
		var back []byte
		for _, m := range s.split(frame{wire.FeedFrame{Offset: offset, Length: len(text), Flags: flags}, text}) {
			if len(m.Line) > longest {
				t.Fatalf("a message of %d bytes", len(m.Line))
			}
			back = append(back, m.Line...)
			if m.Piece == nil || m.Piece.Last {
				back = append(back, '\n')
			}
		}
		if !bytes.Equal(back, text) {
			t.Errorf("%q became %q", text, back)
		}
	})
}

func TestCompress(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for i, text := range []string{"current", "one", "two", "three"} {
		name := log
		if i > 0 {
			name = fmt.Sprintf("%s.%d", log, i)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(log+".3.gz", []byte("left by a kill"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Compress(log); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"one", "two", "three"} {
		name := fmt.Sprintf("%s.%d", log, i+1)
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is still there", name)
		}
		f, err := os.Open(name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != want || !strings.HasPrefix(z.Comment, "inode ") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		_ = f.Close()
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "current" {
		t.Errorf("%q, %v", text, err)
	}
	left, err := filepath.Glob(log + "*")
	if err != nil || len(left) != 6 { // the log, three compressed files, two locks
		t.Errorf("%q, %v", left, err)
	}
}
