package monitor

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killMonitor kills the monitor, or with both its keeper too.
func (f *fixture) kill(names ...string) bool {
	f.t.Helper()
	killed := false
	for pid, name := range f.processes() {
		for _, n := range names {
			if n == name && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed = true
			}
		}
	}
	return killed
}

// TestKilledMonitor kills the monitor at random moments of a flood: the log and
// an attached client must get every byte exactly once.
func TestKilledMonitor(t *testing.T) {
	const kills = 50
	f := newFixture(t)
	f.cfg.MaxSize, f.cfg.MaxFile = 20<<20, 1000
	c := f.spawn()
	var out bytes.Buffer
	ready, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- c.Attach(t.Context(), AttachOptions{Stdout: &out, Owner: true, Attached: func() { close(ready) }})
	}()
	<-ready
	f.started(f.create("flood"))
	f.release()
	killed := 0
	for killed < kills {
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		select {
		case err := <-result:
			t.Fatalf("ended after %d kills: %v", killed, err)
		default:
		}
		if f.kill("nerd-monitor") {
			killed++
		}
	}
	if err := f.start.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-result:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("hangs with %d bytes; processes %v", out.Len(), f.processes())
	}
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "" {
		t.Errorf("the helper was called: %q", calls)
	}
	want := counted(strings.Count(out.String(), "\n"))
	compare(t, "client", out.String(), want)
	compare(t, "log", f.logged("stdout"), want)
}

func compare(t *testing.T, who, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("%s: %d bytes, want %d; they differ at %d: %q, want %q", who, len(got), len(want), i,
		got[i:min(i+40, len(got))], want[i:min(i+40, len(want))])
}
