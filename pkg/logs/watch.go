package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often a follower looks without having been told to: some
// file systems do not report changes.
const pollInterval = 250 * time.Millisecond

// watcher reports that something has changed in a folder.
type watcher struct {
	f       *os.File
	changed chan struct{}
}

// watchDir watches the files of dir. Without inotify, whose instances are
// limited per user, polling does.
func watchDir(dir string) (*watcher, error) {
	w := &watcher{changed: make(chan struct{}, 1)}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w.f = os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", dir, err), w.f.Close())
	}
	go w.listen()
	return w, nil
}

func (w *watcher) listen() {
	buf := make([]byte, 4096)
	for {
		if _, err := w.f.Read(buf); err != nil {
			return
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) close() {
	if w.f != nil {
		_ = w.f.Close() // nothing was written
	}
}

// wait returns when something may have changed, done is closed or until, if it
// is set, has passed; then the error is errEnough.
func (w *watcher) wait(ctx context.Context, done <-chan struct{}, until time.Time) error {
	if !until.IsZero() && time.Now().After(until) {
		return errEnough
	}
	t := time.NewTimer(pollInterval)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
	case <-w.changed:
	case <-t.C:
	}
	return nil
}
