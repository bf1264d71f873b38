package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/state"
)

func up(t *testing.T, l state.Layout) state.Process {
	t.Helper()
	status, err := Up(t.Context(), Options{Layout: l})
	if err != nil {
		t.Fatal(err)
	}
	if !status.Running {
		t.Fatalf("up, but the status is %+v", status)
	}
	var p state.Process
	if err := state.ReadJSON(containerd(l).pidFile, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUpTwice(t *testing.T) {
	l := install(t)
	first := up(t, l)
	if second := up(t, l); second != first {
		t.Errorf("the second up runs %v, not %v", second, first)
	}
	if n := starts(t, l, "containerd"); n != 1 {
		t.Errorf("started %d times", n)
	}
	if sid, err := unix.Getsid(first.PID); err != nil || sid != first.PID {
		t.Errorf("session %d (%v), want one of its own, %d", sid, err, first.PID)
	}
}

func TestUpAtOnce(t *testing.T) {
	l := install(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := Up(t.Context(), Options{Layout: l}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := starts(t, l, "containerd"); n != 1 {
		t.Errorf("20 at once started %d", n)
	}
}

func TestUpRemains(t *testing.T) {
	tests := map[string]func(t *testing.T, l state.Layout){
		"stale socket": func(t *testing.T, l state.Layout) {
			t.Helper()
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: Socket(l), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			listener.SetUnlinkOnClose(false)
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
		},
		"pid of another process": func(t *testing.T, l state.Layout) {
			t.Helper()
			p, err := state.Self()
			if err != nil {
				t.Fatal(err)
			}
			p.Start-- // the one that had this pid before
			if err := state.WriteJSON(containerd(l).pidFile, p); err != nil {
				t.Fatal(err)
			}
		},
		"empty pid file": func(t *testing.T, l state.Layout) {
			t.Helper()
			if err := os.WriteFile(containerd(l).pidFile, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"garbage in the pid file": func(t *testing.T, l state.Layout) {
			t.Helper()
			if err := os.WriteFile(containerd(l).pidFile, []byte("\x00\x00{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"killed engine": func(t *testing.T, l state.Layout) {
			t.Helper()
			p := up(t, l)
			if err := sendSignal(p, unix.SIGKILL); err != nil || !waitGone(t.Context(), p) {
				t.Fatal("cannot kill it", err)
			}
		},
	}
	for name, leave := range tests {
		t.Run(strings.ReplaceAll(name, " ", ""), func(t *testing.T) {
			l := install(t)
			if err := os.MkdirAll(l.EngineRun(), 0o700); err != nil {
				t.Fatal(err)
			}
			leave(t, l)
			up(t, l)
		})
	}
}

// An engine that runs but does not answer is ended and replaced.
func TestUpReplacesDeaf(t *testing.T) {
	l := install(t)
	setMode(t, l, "deaf")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Up(ctx, Options{Layout: l}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a deaf engine answers: %v", err)
	}
	deaf, ok := containerd(l).find()
	if !ok {
		t.Fatal("the deaf engine is gone")
	}
	if s, err := GetStatus(t.Context(), l); err != nil || s.Components[0].State != StateNotAnswering {
		t.Errorf("status %+v, %v", s, err)
	}
	setMode(t, l, "")
	if now := up(t, l); now == deaf || deaf.Alive() {
		t.Errorf("the deaf engine %v still runs beside %v", deaf, now)
	}
}

// One whose pid file is lost is found by its command line.
func TestUpFindsLost(t *testing.T) {
	l := install(t)
	p := up(t, l)
	if err := os.Remove(containerd(l).pidFile); err != nil {
		t.Fatal(err)
	}
	if found, ok := containerd(l).find(); !ok || found != p {
		t.Fatalf("found %v %v, want %v", found, ok, p)
	}
	if _, err := Down(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("down did not end it")
	}
}

func TestUpSaysWhyItDied(t *testing.T) {
	l := install(t)
	setMode(t, l, "die")
	_, err := Up(t.Context(), Options{Layout: l})
	if err == nil || !strings.Contains(err.Error(), `ended while starting: failed to open the database: it is "locked"`) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(containerd(l).pidFile); !os.IsNotExist(err) {
		t.Errorf("the pid file stays: %v", err)
	}
}

func TestUpTimeout(t *testing.T) {
	l := install(t)
	setMode(t, l, "deaf")
	_, err := Up(t.Context(), Options{Layout: l, Timeout: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "does not answer on") {
		t.Errorf("error %v", err)
	}
	if p, ok := containerd(l).find(); ok {
		t.Errorf("%v still runs", p)
	}
}

// A caller that is killed before the daemon is on record has started nothing.
func TestLauncherWithoutCaller(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", launcher, "/bin/touch", marker)
	if err := cmd.Run(); err == nil {
		t.Error("no error without a word from the caller")
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the daemon was run")
	}
}

func TestUpBuild(t *testing.T) {
	l := install(t)
	s, err := Up(t.Context(), Options{Layout: l, Build: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Components[:2] {
		if c.State != StateRunning || c.PID == 0 {
			t.Errorf("%+v does not run", c)
		}
	}
	other := l
	other.Namespace = "other"
	if _, err := Up(t.Context(), Options{Layout: other, Build: true}); err != nil {
		t.Fatal(err)
	}
	done, err := Down(t.Context(), l)
	if err != nil || len(done.Daemons) != 3 {
		t.Errorf("down ended %v, %v", done.Daemons, err)
	}
}

func TestDownTwice(t *testing.T) {
	l := install(t)
	p := up(t, l)
	for i, want := range []int{1, 0} {
		done, err := Down(t.Context(), l)
		if err != nil || len(done.Daemons) != want {
			t.Errorf("down %d ended %v, %v", i, done.Daemons, err)
		}
	}
	if p.Alive() {
		t.Error("it still runs")
	}
	if s, err := GetStatus(t.Context(), l); err != nil || s.Running || s.Components[0].State != StateStopped {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestUpNotInstalled(t *testing.T) {
	l := install(t)
	if err := os.Remove(filepath.Join(BinDir(l), "runc")); err != nil {
		t.Fatal(err)
	}
	_, err := Up(t.Context(), Options{Layout: l})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "no runc in") || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("error %v", err)
	}
}

func TestUpLongPath(t *testing.T) {
	l := install(t)
	l.Run = filepath.Join(l.Run, strings.Repeat("long", 30))
	_, err := Up(t.Context(), Options{Layout: l})
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v", err)
	}
}

// A file system without a free block gives one error, naming it, whether it
// holds the data root or the run root.
func TestUpFullDisk(t *testing.T) {
	for _, which := range []string{"data", "run"} {
		t.Run(which, func(t *testing.T) {
			l := install(t)
			dir := l.Engine()
			if which == "run" {
				dir = l.EngineRun()
			}
			full := mountFull(t, l, which)
			_, err := Up(t.Context(), Options{Layout: full})
			if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), " is full (") {
				t.Errorf("%s: error %v", dir, err)
			}
			if n := starts(t, l, "containerd"); n != 0 {
				t.Errorf("started %d times", n)
			}
		})
	}
}

// mountFull puts a tiny file system below one of the roots and fills it.
func mountFull(t *testing.T, l state.Layout, which string) state.Layout {
	t.Helper()
	dir := filepath.Join(filepath.Dir(l.Data), "full")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	full := l
	if which == "run" {
		full.Run = dir
	} else {
		full.Data = dir
		if err := os.MkdirAll(full.Engine(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(BinDir(l), BinDir(full)); err != nil {
			t.Fatal(err)
		}
	}
	block := make([]byte, 4096)
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(block)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return full
}
