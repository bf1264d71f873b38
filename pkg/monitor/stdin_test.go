package monitor

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

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
	result := attach(t, c, AttachOptions{
		Stdin: strings.NewReader("one"), Stdout: &out, Owner: true,
		CloseStdin: func(context.Context) error { t.Error("asked to close stdin"); return nil },
	})
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
