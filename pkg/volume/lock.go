package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockFolder opens a folder and locks it, how being unix.LOCK_SH or LOCK_EX,
// waiting until ctx ends. The kernel gives the lock back when the file is closed
// or the process dies.
func lockFolder(ctx context.Context, path string, how int) (*os.File, error) {
	return lock(ctx, path, unix.O_RDONLY|unix.O_DIRECTORY, how)
}

// lockFile is lockFolder for a file, which is made, but not its folder.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	return lock(ctx, path, unix.O_RDWR|unix.O_CREAT, unix.LOCK_EX)
}

func lock(ctx context.Context, path string, flags, how int) (*os.File, error) {
	wait := time.Millisecond
	for {
		f, err := tryLock(path, flags, how)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock on %s: %w", path, ctx.Err())
		case <-time.After(wait):
			wait = min(2*wait, 20*time.Millisecond)
		}
	}
}

// tryLockFolder locks a folder or fails with EWOULDBLOCK.
func tryLockFolder(path string, how int) (*os.File, error) {
	return tryLock(path, unix.O_RDONLY|unix.O_DIRECTORY, how)
}

// tryLock opens and locks a file. One that was renamed or replaced between the
// two is no lock on the path.
func tryLock(path string, flags, how int) (*os.File, error) {
	fd, err := unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	if err := unix.Flock(fd, how|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var held, named unix.Stat_t
	if err := unix.Fstat(fd, &held); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := unix.Lstat(path, &named); err != nil || named.Ino != held.Ino || named.Dev != held.Dev {
		return nil, errors.Join(unix.EWOULDBLOCK, f.Close())
	}
	return f, nil
}
