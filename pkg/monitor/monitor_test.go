package monitor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs"
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
