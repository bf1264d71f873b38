package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func closeOnSignal(f io.Closer) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGUSR1)
	<-ch
	_ = f.Close()
}

type entry struct {
	Log    string            `json:"log"`
	Stream string            `json:"stream"`
	Time   time.Time         `json:"time"`
	Attrs  map[string]string `json:"attrs"`
}

// readLog is all entries of the log and its rotated files, oldest first.
func (f *fixture) readLog() (entries []entry) {
	f.t.Helper()
	names := []string{f.log}
	for i := 1; i < f.cfg.MaxFile; i++ {
		names = append([]string{f.log + "." + itoa(i)}, names...)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			f.t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var e entry
			if err := json.Unmarshal(line, &e); err != nil {
				f.t.Fatalf("%s: %q: %v", name, line, err)
			}
			entries = append(entries, e)
		}
	}
	return entries
}

func (f *fixture) logged(stream string) string {
	f.t.Helper()
	var b strings.Builder
	for _, e := range f.readLog() {
		if e.Stream == stream {
			b.WriteString(e.Log)
		}
	}
	return b.String()
}

func TestAttachedRun(t *testing.T) {
	f := newFixture(t)
	c := f.spawn()
	var out, errOut bytes.Buffer
	ready := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- c.Attach(t.Context(), AttachOptions{Stdout: &out, Stderr: &errOut, Owner: true, Attached: func() { close(ready) }})
	}()
	<-ready
	f.started(f.create("both"))
	f.release()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if out.String() != "out\n" || errOut.String() != "err\n" {
		t.Errorf("got %q and %q", out.String(), errOut.String())
	}
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout") + f.logged("stderr"); got != "out\nerr\n" {
		t.Errorf("logged %q", got)
	}
}

func TestDetachedRun(t *testing.T) {
	f := newFixture(t)
	c := f.spawn()
	f.started(f.create("print no newline"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	watcher := f.dial()
	f.release()
	if err := watcher.Watch(timeout(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout"); got != "no newline" {
		t.Errorf("logged %q", got)
	}
}

func itoa(i int) string { return strconv.Itoa(i) }
