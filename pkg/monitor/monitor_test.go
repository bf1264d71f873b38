package monitor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs"
	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// logged is what the log and its rotated files hold of a stream.
func (f *fixture) logged(stream string) string {
	f.t.Helper()
	var b strings.Builder
	err := logs.Read(f.t.Context(), f.log, logs.Options{Tail: -1, Emit: func(e logs.Entry) error {
		if e.Stream == stream {
			b.Write(e.Log)
		}
		return nil
	}}, nil)
	if err != nil {
		f.t.Fatal(err)
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

// attach attaches c in the background and waits until the monitor has taken it in.
func attach(t *testing.T, c *Client, opts AttachOptions) <-chan error {
	t.Helper()
	ready, result := make(chan struct{}), make(chan error, 1)
	opts.Attached = func() { close(ready) }
	go func() { result <- c.Attach(t.Context(), opts) }()
	select {
	case <-ready:
	case err := <-result:
		t.Fatal(err)
	case <-time.After(10 * time.Second):
		t.Fatal("not attached in time")
	}
	return result
}

func wait(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("hangs")
	}
}

func TestTwoClients(t *testing.T) {
	const lines = 200_000
	f := newFixture(t)
	c := f.spawn()
	var out1, out2 bytes.Buffer
	one := attach(t, c, AttachOptions{Stdout: &out1, Owner: true})
	two := attach(t, f.dial(), AttachOptions{Stdout: &slowWriter{w: &out2}, Stderr: io.Discard})
	f.started(f.create("count " + itoa(lines)))
	f.release()
	wait(t, one)
	wait(t, two)
	if err := c.Done(true); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "internal cleanup c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	compare(t, "first client", out1.String(), counted(lines))
	compare(t, "second client", out2.String(), counted(lines))
	compare(t, "log", f.logged("stdout"), counted(lines))
}

// slowWriter makes the monitor wait.
type slowWriter struct {
	w io.Writer
	n int
}

func (s *slowWriter) Write(b []byte) (int, error) {
	if s.n++; s.n%8 == 0 {
		time.Sleep(time.Millisecond)
	}
	return s.w.Write(b)
}

// TestClientVanishes: one that takes nothing holds the container up, until it is
// gone.
func TestClientVanishes(t *testing.T) {
	const lines = 500_000
	f := newFixture(t)
	c := f.spawn()
	stuck := f.dial()
	block := make(chan struct{})
	defer close(block)
	go func() {
		_ = stuck.Attach(t.Context(), AttachOptions{Stdout: writerFunc(func(b []byte) (int, error) { <-block; return len(b), nil })})
	}()
	var out bytes.Buffer
	result := attach(t, c, AttachOptions{Stdout: &out, Owner: true})
	f.started(f.create("count " + itoa(lines)))
	f.release()
	time.Sleep(200 * time.Millisecond)
	select {
	case err := <-result:
		t.Fatalf("ended in spite of a stuck client: %v", err)
	default:
	}
	if err := stuck.Close(); err != nil {
		t.Fatal(err)
	}
	wait(t, result)
	compare(t, "client", out.String(), counted(lines))
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestOwnerVanishes(t *testing.T) {
	for _, when := range []string{"before the exit", "after the exit"} {
		t.Run(when, func(t *testing.T) {
			f := newFixture(t)
			c := f.spawn()
			result := attach(t, c, AttachOptions{Stdout: io.Discard, Owner: true})
			f.started(f.create("print x"))
			if when == "before the exit" {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				f.release()
			} else {
				f.release()
				wait(t, result)
				if got := f.called(); got != "" {
					t.Errorf("the helper was called in spite of an owner: %q", got)
				}
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if calls := f.helperCalls(); calls != "internal exited c1\n" {
				t.Errorf("the helper was called: %q", calls)
			}
		})
	}
}

func TestStdin(t *testing.T) {
	const lines = 300_000
	f := newFixture(t)
	f.cfg.OpenStdin, f.cfg.StdinOnce = true, true
	c := f.spawn()
	var out bytes.Buffer
	closed := make(chan struct{})
	result := attach(t, c, AttachOptions{
		Stdin:  strings.NewReader(counted(lines)),
		Stdout: &out,
		Owner:  true,
		CloseStdin: func(context.Context) error {
			close(closed)
			return f.command.Process.Signal(syscall.SIGUSR1)
		},
	})
	f.started(f.create("cat"))
	f.release()
	wait(t, result)
	<-closed
	compare(t, "cat", out.String(), counted(lines))
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

// TestStdinBeforeStart: what is written and ended before the container opens its
// stdin arrives.
func TestStdinBeforeStart(t *testing.T) {
	f := newFixture(t)
	f.cfg.OpenStdin, f.cfg.StdinOnce = true, true
	c := f.spawn()
	var out bytes.Buffer
	result := attach(t, c, AttachOptions{
		Stdin:      strings.NewReader("early"),
		Stdout:     &out,
		Owner:      true,
		CloseStdin: func(context.Context) error { return f.command.Process.Signal(syscall.SIGUSR1) },
	})
	time.Sleep(50 * time.Millisecond)
	f.started(f.create("cat"))
	f.release()
	wait(t, result)
	if out.String() != "early" {
		t.Errorf("got %q", out.String())
	}
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

// TestStdinVanishes: the helper must close containerd's end.
func TestStdinVanishes(t *testing.T) {
	f := newFixture(t)
	f.cfg.OpenStdin, f.cfg.StdinOnce = true, true
	f.spawn()
	pid := f.create("cat")
	f.started(pid)
	f.release()
	f.onVerb("close-stdin", "kill -USR1 "+itoa(pid))
	other := f.dial()
	r, w := io.Pipe()
	defer w.Close()
	attach(t, other, AttachOptions{Stdin: r, Stdout: io.Discard})
	if _, err := io.WriteString(w, "data"); err != nil {
		t.Fatal(err)
	}
	f.eventually("the data is logged", func() bool {
		return f.command.ProcessState != nil || len(f.processes()) > 0 && other.stdin.acked() == 4
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	f.eventually("close-stdin is called", func() bool { return strings.Contains(f.called(), "close-stdin") })
	if err := f.client.Close(); err != nil {
		t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "internal close-stdin c1\ninternal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout"); got != "data" {
		t.Errorf("logged %q", got)
	}
}

// TestStdinKept: without StdinOnce the end of a client's stdin is not the
// container's.
func TestStdinKept(t *testing.T) {
	f := newFixture(t)
	f.cfg.OpenStdin = true
	c := f.spawn()
	var out lockedBuffer
	result := attach(t, c, AttachOptions{Stdin: strings.NewReader("one"), Stdout: &out, Owner: true,
		CloseStdin: func(context.Context) error { t.Error("asked to close stdin"); return nil }})
	f.started(f.create("cat"))
	f.release()
	f.eventually("the first arrives", func() bool { return out.String() == "one" })
	two := f.dial()
	attach(t, two, AttachOptions{Stdin: strings.NewReader("two")})
	f.eventually("the second arrives", func() bool { return out.String() == "onetwo" })
	if err := f.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, result)
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

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
	if took := time.Since(begin); took < 9*time.Second {
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

func TestPortsAreHeld(t *testing.T) {
	f := newFixture(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	f.cfg.Ports = []*os.File{port}
	f.spawn()
	if err := errors.Join(port.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	free := func() bool {
		l, err := net.Listen("tcp", l.Addr().String())
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	f.started(f.create("print x"))
	if free() {
		t.Error("the port is free while the monitor runs")
	}
	f.kill("nerd-monitor")
	for range 100 {
		if free() {
			t.Fatal("the port is free after the monitor was killed")
		}
	}
	f.release()
	f.eventually("the port is free", free)
	if err := f.client.Close(); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

func TestDialWithoutMonitor(t *testing.T) {
	if _, err := Dial(t.Context(), t.TempDir()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestSpawnFails(t *testing.T) {
	f := newFixture(t)
	f.spawn()
	f.started(f.create("sleep 10000"))
	if _, err := Respawn(t.Context(), f.cfg); err == nil {
		t.Error("respawned without a process")
	}
	cfg := f.cfg
	cfg.PID = f.command.Process.Pid
	c, err := Respawn(t.Context(), cfg)
	if err != nil {
		t.Fatalf("with a monitor there: %v", err)
	}
	if err := errors.Join(c.Close(), f.client.Done(false)); err != nil {
		t.Fatal(err)
	}
	cfg.Binary = "/nonexistent/nerd-monitor"
	if _, err := Spawn(t.Context(), cfg); err == nil {
		t.Error("spawned from a binary that is not there")
	}
	cfg = f.cfg
	cfg.Dir = "relative"
	if _, err := Spawn(t.Context(), cfg); err == nil {
		t.Error("spawned in a relative folder")
	}
	if err := f.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

// TestDetach: the container goes on, and its stdin stays open.
func TestDetach(t *testing.T) {
	f := newFixture(t)
	f.cfg.OpenStdin, f.cfg.StdinOnce, f.cfg.TTY = true, true, true
	c := f.spawn()
	r, w := io.Pipe()
	defer w.Close()
	var out lockedBuffer
	result := attach(t, c, AttachOptions{Stdin: r, Stdout: &out, DetachKeys: DefaultDetachKeys})
	f.started(f.create("cat"))
	f.release()
	if _, err := io.WriteString(w, "typed\x10\x11"); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, ErrDetached) {
		t.Fatalf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := f.dial()
	result = attach(t, again, AttachOptions{Stdin: strings.NewReader(" more"), Stdout: &out})
	f.eventually("both arrive", func() bool { return strings.HasSuffix(out.String(), " more") })
	if err := f.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, result)
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		t.Errorf("the helper was called: %q", calls)
	}
	if got := f.logged("stdout"); got != "typed more" {
		t.Errorf("logged %q", got)
	}
}

func TestAttachEnds(t *testing.T) {
	f := newFixture(t)
	f.cfg.OpenStdin = true
	f.spawn()
	f.started(f.create("both"))
	ctx, cancel := context.WithCancel(t.Context())
	cancelled, broken, silent := f.dial(), f.dial(), f.dial()
	never, w := io.Pipe()
	defer w.Close()
	if err := broken.Attach(t.Context(), AttachOptions{}); err == nil {
		t.Error("attached to nothing")
	}
	ready := make(chan struct{})
	ends := make(chan error, 1)
	go func() {
		ends <- cancelled.Attach(ctx, AttachOptions{Stdout: io.Discard, Attached: func() { close(ready) }})
	}()
	<-ready
	cancel()
	if err := <-ends; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	full := errors.New("no space")
	failing := attach(t, broken, AttachOptions{Stdout: writerFunc(func([]byte) (int, error) { return 0, full })})
	blocked := attach(t, silent, AttachOptions{Stdin: never, Stderr: io.Discard})
	f.release()
	if err := <-failing; !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	wait(t, blocked) // although its stdin does not end
	if err := f.client.Close(); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
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
