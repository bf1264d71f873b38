package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

func TestRestart(t *testing.T) {
	f := newFixture(t)
	f.onVerb("exited", "echo restart 150; exit 75")
	f.spawn()
	f.started(f.create("print x"))
	begin := time.Now()
	f.release()
	if err := f.client.Gone(timeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("restarted after %v", took)
	}
	f.eventually("the restart", func() bool {
		return f.called() == "internal exited c1\ninternal restart c1\n"
	})
	f.helperCalls()
}

func TestRestartCancelled(t *testing.T) {
	f := newFixture(t)
	f.onVerb("exited", "echo restart 60000; exit 75")
	f.spawn()
	f.started(f.create("print x"))
	f.release()
	f.eventually("the helper runs", func() bool { return f.called() != "" })
	if err := f.dial().Cancel(timeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
}

// TestSpawnDuringHelper: a container that is started again while the last
// monitor still waits for its helper gets a monitor of its own.
func TestSpawnDuringHelper(t *testing.T) {
	f := newFixture(t)
	f.onVerb("exited", `[ -f "$d/second" ] || { touch "$d/second"; sleep 1; }`)
	first := f.spawn()
	f.started(f.create("print one;"))
	f.release()
	f.eventually("the helper runs", func() bool { return f.called() != "" })
	f.spawn()
	f.started(f.create("print two;"))
	if err := first.Gone(timeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	f.dial()
	f.release()
	if calls := f.helperCalls(); calls != "internal exited c1\ninternal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout"); got != "one;two;" {
		t.Errorf("logged %q", got)
	}
}

func TestNeverStarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.spawn().Close(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	f.eventually("the helper runs", func() bool { return f.called() != "" })
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("given up after %v", took)
	}
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
}

func TestDoneBeforeStart(t *testing.T) {
	f := newFixture(t)
	if err := f.spawn().Done(false); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "" {
		t.Errorf("the helper was called: %q", calls)
	}
}

func TestHelperFails(t *testing.T) {
	f := newFixture(t)
	f.onVerb("exited", `[ $(wc -l < "$d/calls") -ge 2 ] || { echo broken >&2; exit 1; }`)
	f.spawn()
	f.started(f.create("print x"))
	f.release()
	f.eventually("the second try", func() bool { return strings.Count(f.called(), "\n") == 2 })
	f.eventually("the monitor ends", func() bool { return len(f.processes()) == 0 })
	if b, err := os.ReadFile(filepath.Join(f.dir, wire.HelperLog)); err != nil || string(b) != "broken\n" {
		t.Errorf("the helper's words: %q, %v", b, err)
	}
}
