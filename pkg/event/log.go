package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/events"
	"golang.org/x/sys/unix"
)

// The log is the file that is written and a few older ones. A file that is full
// gets the next number; the one with the lowest goes.
const (
	currentName = "events.log"
	oldPrefix   = "events-"
	oldSuffix   = ".log"

	defaultMaxSize = 2 << 20 // bytes, about 6000 events
	defaultKeep    = 4       // older files
)

// Log is the events of one containerd namespace, in a folder. Any number of
// processes may append and read at once.
type Log struct {
	dir     string
	maxSize int64
	keep    int
}

// NewLog makes the log of a folder, which is made when the first event comes.
func NewLog(dir string) *Log { return &Log{dir: dir, maxSize: defaultMaxSize, keep: defaultKeep} }

// Emit appends an event as one line, in one write, which the kernel does not mix
// with those of others. The lock is shared: it only says that the file is not
// being put away.
func (l *Log) Emit(_ context.Context, e events.Message) {
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	line = append(line, '\n')
	// A file may be put away between being opened and being locked.
	for range 10 {
		again, err := l.append(line)
		if err != nil || !again {
			return
		}
	}
}

// append writes a line to the file that is named, or says that it has been put
// away meanwhile.
func (l *Log) append(line []byte) (again bool, err error) {
	f, err := l.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := flock(f, unix.LOCK_SH); err != nil {
		return false, err
	}
	here, err := l.isCurrent(f)
	if err != nil || !here {
		return true, err
	}
	n, err := f.Write(line)
	if err != nil && n > 0 {
		// The disk is full. What is there of the line must not swallow the next.
		_, _ = f.Write([]byte{'\n'})
	}
	if err != nil {
		return false, err
	}
	if fi, err := f.Stat(); err == nil && fi.Size() >= l.maxSize {
		return false, l.rotate(f)
	}
	return false, nil
}

func (l *Log) open() (*os.File, error) {
	path := filepath.Join(l.dir, currentName)
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(l.dir, 0o700); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, 0o600)
	}
	return f, err
}

// isCurrent tells whether f is still the file that events are written to.
func (l *Log) isCurrent(f *os.File) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(filepath.Join(l.dir, currentName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, named), err
}

// rotate puts the full file f away. Those who append hold the lock shared, so
// nobody writes to it any more once it has another name.
func (l *Log) rotate(f *os.File) error {
	if err := flock(f, unix.LOCK_EX); err != nil {
		return err
	}
	if here, err := l.isCurrent(f); err != nil || !here {
		return err // another process was faster
	}
	old, err := l.old()
	if err != nil {
		return err
	}
	next := 1
	if len(old) > 0 {
		next = old[len(old)-1] + 1
	}
	if err := os.Rename(f.Name(), l.oldPath(next)); err != nil {
		return err
	}
	for i := 0; i < len(old)+1-l.keep; i++ {
		err = errors.Join(err, os.Remove(l.oldPath(old[i])))
	}
	return err
}

func (l *Log) oldPath(n int) string {
	return filepath.Join(l.dir, fmt.Sprintf("%s%08d%s", oldPrefix, n, oldSuffix))
}

// old are the numbers of the files that were put away, the oldest first.
func (l *Log) old() ([]int, error) {
	entries, err := os.ReadDir(l.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), oldPrefix)
		digits, isLog := strings.CutSuffix(name, oldSuffix)
		if n, err := strconv.Atoi(digits); ok && isLog && err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
