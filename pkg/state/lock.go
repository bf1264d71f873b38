package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// maxOpenTries ends the tries to make a file in a folder that others remove.
const maxOpenTries = 100

// Lock is an exclusive lock on a file, held across processes and released by
// the kernel when its holder dies.
type Lock struct{ f *os.File }

// AcquireLock takes the lock at path, making the file and its folders. It waits
// until ctx ends.
func AcquireLock(ctx context.Context, path string) (*Lock, error) {
	return AcquireLockOr(ctx, path, func() {})
}

// AcquireLockOr is AcquireLock that calls waiting once if the lock is not free.
func AcquireLockOr(ctx context.Context, path string, waiting func()) (*Lock, error) {
	wait := time.Millisecond
	for first := true; ; first = false {
		l, err := tryLock(path)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return l, err
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, ctx.Err())
		case <-time.After(wait):
			wait = min(2*wait, 20*time.Millisecond)
		}
	}
}

// tryLock takes the lock or fails with EWOULDBLOCK. A file that was removed
// between open and lock is no lock: the next holder would open another one.
func tryLock(path string) (*Lock, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var held, named unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &held); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := unix.Stat(path, &named); err != nil || named.Ino != held.Ino {
		return nil, errors.Join(unix.EWOULDBLOCK, f.Close())
	}
	return &Lock{f}, nil
}

// openLock opens the file, making it and its folders. Another process may remove
// the folder at any moment, so it may take several tries.
func openLock(path string) (*os.File, error) {
	for try := 0; ; try++ {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if !errors.Is(err, os.ErrNotExist) || try == maxOpenTries {
			return f, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
}

// Release gives the lock back. The file stays.
func (l *Lock) Release() error { return l.f.Close() }

// Remove gives the lock back and removes its file.
func (l *Lock) Remove() error { return errors.Join(os.Remove(l.f.Name()), l.f.Close()) }
