package event

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often a reader looks without having been told to: some
// file systems do not report changes, and inotify's instances are limited.
const pollInterval = 500 * time.Millisecond

// watcher tells when something has been written in the folder of a log.
type watcher struct {
	f       *os.File // nil: by polling only
	changed chan struct{}
}

func (l *Log) watch() (*watcher, error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	w := &watcher{changed: make(chan struct{}, 1)}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return w, nil
	}
	w.f = os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, l.dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		return nil, errors.Join(fmt.Errorf("watching %s: %w", l.dir, err), w.f.Close())
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

// wait returns when something may have changed, or until, if it is set, has come.
func (w *watcher) wait(ctx context.Context, until time.Time) error {
	pause := pollInterval
	if !until.IsZero() {
		pause = min(pause, time.Until(until))
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.changed:
	case <-t.C:
	}
	return nil
}
