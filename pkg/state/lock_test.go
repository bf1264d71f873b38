package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "lock")
	var wg sync.WaitGroup
	var inside, sum atomic.Int32 // the race detector does not know of flock
	for range 8 {
		wg.Go(func() {
			for range 10 {
				l, err := AcquireLock(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				sum.Add(1)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := sum.Load(); n != 80 {
		t.Errorf("the lock was held %d times, want 80", n)
	}
}

func TestLockGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := AcquireLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = AcquireLock(ctx, path)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), path) {
		t.Errorf("second holder: %v, want a timeout that names the file", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := AcquireLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed lock's file: %v", err)
	}
}

// Whoever waits for a lock whose holder removes the file must not end up with a
// lock on a file that nobody else will open.
func TestLockSurvivesRemoval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var wg sync.WaitGroup
	var inside atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				l, err := AcquireLock(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				inside.Add(-1)
				release := l.Release
				if i%2 == 0 {
					release = l.Remove
				}
				if err := release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestLockNeedsAPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AcquireLock(t.Context(), filepath.Join(file, "lock")); err == nil {
		t.Error("a lock was made below a file")
	}
}
