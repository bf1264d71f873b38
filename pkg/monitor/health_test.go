package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// checks is how many health checks have begun.
func (f *fixture) checks() int { return strings.Count(f.called(), "internal health c1\n") }

// healthy starts a container that is checked 50 ms after its start; do is what a
// check does.
func healthy(t *testing.T, do string) *fixture {
	f := newFixture(t)
	f.onVerb("health", do)
	f.cfg.Health = 50 * time.Millisecond
	f.spawn()
	f.started(f.create("print x"))
	return f
}

// over ends the container and waits until no process is left.
func (f *fixture) over() string {
	f.t.Helper()
	f.release()
	f.eventually("the monitor ends", func() bool { return len(f.processes()) == 0 })
	return f.called()
}

func TestHealth(t *testing.T) {
	f := healthy(t, "echo next 20")
	begin := time.Now()
	f.eventually("ten checks", func() bool { return f.checks() >= 10 })
	if took := time.Since(begin); took > 5*time.Second || took < 180*time.Millisecond {
		t.Errorf("ten checks took %v", took)
	}
	if calls := f.over(); !strings.HasSuffix(calls, "internal exited c1\n") {
		t.Errorf("the helper was called: %q", calls)
	}
}

// Checks that say nothing, or fail, come at the last interval that was said.
func TestHealthKeepsItsInterval(t *testing.T) {
	f := healthy(t, `[ $(grep -c health "$d/calls") = 1 ] && echo next 400; exit 1`)
	f.eventually("the first check", func() bool { return f.checks() == 1 })
	time.Sleep(250 * time.Millisecond)
	if n := f.checks(); n != 1 {
		t.Errorf("%d checks in 250 ms, want 1", n)
	}
	f.eventually("more checks", func() bool { return f.checks() >= 3 })
	f.over()
}

func TestNoHealth(t *testing.T) {
	f := newFixture(t)
	f.spawn()
	f.started(f.create("print x"))
	time.Sleep(100 * time.Millisecond)
	if calls := f.over(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
}

// exclusively is a check that takes a while and tells of another beside it.
const exclusively = `mkdir "$d/check" 2>/dev/null || touch "$d/overlap"; sleep 0.15; rmdir "$d/check"; echo next 1`

func TestHealthNeverOverlaps(t *testing.T) {
	f := healthy(t, exclusively)
	f.eventually("five checks", func() bool { return f.checks() >= 5 })
	f.over()
	if _, err := os.Stat(filepath.Join(filepath.Dir(f.calls), "overlap")); err == nil {
		t.Error("two checks ran at once")
	}
}

// A check that hangs is broken off when the container ends, and the end is
// handled after it.
func TestHealthHangsAtTheEnd(t *testing.T) {
	for name, do := range map[string]string{"listens": "sleep 100", "does not listen": "trap '' TERM; while :; do sleep 0.1; done"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy(t, do)
			f.eventually("the check", func() bool { return f.checks() == 1 })
			begin := time.Now()
			if calls := f.over(); calls != "internal health c1\ninternal exited c1\n" {
				t.Errorf("the helper was called: %q", calls)
			}
			if took := time.Since(begin); took > 8*time.Second {
				t.Errorf("the end took %v", took)
			}
		})
	}
}

func TestStopHealth(t *testing.T) {
	f := healthy(t, `trap 'touch "$d/broken-off"; exit 0' TERM; sleep 0.3 & wait $!; echo next 1`)
	f.eventually("a check", func() bool { return f.checks() > 0 })
	c := f.dial()
	if err := c.StopHealth(timeout(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(f.calls), "broken-off")); err != nil {
		t.Errorf("the check was not broken off before the answer: %v", err)
	}
	before := f.checks()
	time.Sleep(200 * time.Millisecond)
	if n := f.checks(); n != before {
		t.Errorf("%d checks while stopped", n-before)
	}
	if err := c.ResumeHealth(timeout(t, 5*time.Second), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	f.eventually("another check", func() bool { return f.checks() > before })
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("the next check came after %v", took)
	}
	f.over()
}

// A monitor that is killed before it answers does not leave the caller waiting.
func TestStopHealthOfAKilledMonitor(t *testing.T) {
	f := healthy(t, `trap '' TERM; sleep 1; echo next 1`)
	f.eventually("a check", func() bool { return f.checks() > 0 })
	c := f.dial()
	stopped := make(chan error, 1)
	go func() { stopped <- c.StopHealth(timeout(t, 10*time.Second)) }()
	time.Sleep(50 * time.Millisecond)
	f.eventually("the kill", func() bool { return f.kill("nerd-monitor") })
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	before := f.checks()
	time.Sleep(200 * time.Millisecond)
	if n := f.checks(); n != before {
		t.Errorf("%d checks while stopped", n-before)
	}
	f.over()
}

// A container without checks answers too.
func TestStopHealthOfNone(t *testing.T) {
	f := newFixture(t)
	c := f.spawn()
	f.started(f.create("print x"))
	for _, set := range []func() error{
		func() error { return c.StopHealth(timeout(t, 5*time.Second)) },
		func() error { return c.ResumeHealth(timeout(t, 5*time.Second), time.Millisecond) },
	} {
		if err := set(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if calls := f.over(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
}

// The next monitor goes on with the checks of a killed one, and does not begin
// again what was stopped.
func TestHealthSurvivesAKill(t *testing.T) {
	f := healthy(t, "echo next 50")
	for range 3 {
		before := f.checks()
		f.eventually("a check", func() bool { return f.checks() > before })
		f.eventually("the kill", func() bool { return f.kill("nerd-monitor") })
	}
	before := f.checks()
	f.eventually("a check after the kills", func() bool { return f.checks() > before })
	if err := f.dial().StopHealth(timeout(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	f.eventually("the kill", func() bool { return f.kill("nerd-monitor") })
	f.dial()
	before = f.checks()
	time.Sleep(300 * time.Millisecond)
	if n := f.checks(); n != before {
		t.Errorf("%d checks while stopped", n-before)
	}
	f.over()
}

func TestHealthArgument(t *testing.T) {
	for health, want := range map[time.Duration]string{0: "", time.Microsecond: "health=1", 90 * time.Second: "health=90000"} {
		args, err := Config{ID: "c", Dir: "/d", Health: health}.args()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(args); want != "" && !strings.Contains(got, " "+want+" ") || want == "" && strings.Contains(got, "health") {
			t.Errorf("%v: %s", health, got)
		}
	}
}
