package monitor

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs"
)

// kill kills the fixture's processes with these names.
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

// TestKilledWithKeeper: when both are gone, an attached client has another
// monitor started, and misses nothing while the container runs.
func TestKilledWithKeeper(t *testing.T) {
	const lines = 3000
	f := newFixture(t)
	c := f.spawn()
	respawns := 0
	pid := 0
	c.SetRespawn(func(ctx context.Context) error {
		respawns++
		cfg := f.cfg
		cfg.PID = pid
		c, err := Respawn(ctx, cfg)
		if err != nil {
			return err
		}
		return c.Close()
	})
	var out bytes.Buffer
	result := attach(t, c, AttachOptions{Stdout: &out, Owner: true})
	pid = f.create("slow " + itoa(lines))
	f.started(pid)
	f.release()
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		f.killBoth()
	}
	wait(t, result)
	if respawns == 0 {
		t.Error("no respawn was needed")
	}
	compare(t, "client", out.String(), counted(lines))
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
	compare(t, "log", f.logged("stdout"), counted(lines))
}

// killBoth kills the keeper and the monitor before either can follow the other.
func (f *fixture) killBoth() {
	f.t.Helper()
	for pid := range f.processes() {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	for pid := range f.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestExitWithoutMonitor: the container ends in the moment in which its monitor
// is killed; the keeper has kept what was in the FIFO.
func TestExitWithoutMonitor(t *testing.T) {
	for range 5 {
		f := newFixture(t)
		c := f.spawn()
		f.started(f.create("print last words"))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		monitor := f.pidOf("nerd-monitor")
		if err := syscall.Kill(monitor, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		f.release()
		if err := f.command.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(monitor, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if calls := f.helperCalls(); calls != "internal exited c1\n" {
			t.Errorf("the helper was called: %q", calls)
		}
		if got := f.logged("stdout"); got != "last words" {
			t.Errorf("logged %q", got)
		}
	}
}

// TestKilledKeeper: the monitor gets itself another one.
func TestKilledKeeper(t *testing.T) {
	f := newFixture(t)
	c := f.spawn()
	f.started(f.create("print x"))
	for range 10 {
		f.eventually("a keeper", func() bool { return f.pidOf("nerd-keeper") != 0 })
		keeper := f.pidOf("nerd-keeper")
		if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		f.eventually("another keeper", func() bool { p := f.pidOf("nerd-keeper"); return p != 0 && p != keeper })
		monitor := f.pidOf("nerd-monitor")
		if err := syscall.Kill(monitor, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		f.eventually("another monitor", func() bool { p := f.pidOf("nerd-monitor"); return p != 0 && p != monitor })
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	f.release()
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout"); got != "x" {
		t.Errorf("logged %q", got)
	}
}

// TestFollowKilled follows the log through kills and rotations.
func TestFollowKilled(t *testing.T) {
	f := newFixture(t)
	f.cfg.MaxSize, f.cfg.MaxFile = 1<<20, 1000
	f.spawn()
	f.started(f.create("count 300000"))
	if err := os.WriteFile(f.log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := logs.Printer{Stdout: &out}
	done, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- logs.Read(t.Context(), f.log, logs.Options{Tail: -1, Follow: true, Emit: p.Print}, done)
	}()
	f.release()
	for range 10 {
		f.kill("nerd-monitor")
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
	}
	if err := f.client.Close(); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
	close(done)
	wait(t, result)
	compare(t, "follower", out.String(), counted(300_000))
}

func TestStdinKilled(t *testing.T) {
	const lines = 20_000
	f := newFixture(t)
	f.cfg.OpenStdin, f.cfg.StdinOnce = true, true
	c := f.spawn()
	var out bytes.Buffer
	result := attach(t, c, AttachOptions{
		Stdin:      &slowReader{r: strings.NewReader(counted(lines))},
		Stdout:     &out,
		Owner:      true,
		CloseStdin: func(context.Context) error { return f.command.Process.Signal(syscall.SIGUSR1) },
	})
	f.started(f.create("cat"))
	f.release()
	for range 10 {
		time.Sleep(20 * time.Millisecond)
		f.kill("nerd-monitor")
	}
	wait(t, result)
	compare(t, "cat", out.String(), counted(lines))
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

// slowReader reads some bytes now and then.
type slowReader struct{ r io.Reader }

func (s *slowReader) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.r.Read(b[:min(len(b), 200)])
}
