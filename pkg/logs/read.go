package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options choose what Read delivers.
type Options struct {
	Lines  bool      // the log is not json-file but lines
	Tail   int       // only the last Tail entries of what is there; negative: all
	Since  time.Time // only entries at or after it; zero: all
	Until  time.Time // only entries at or before it; zero: all
	Follow bool      // go on until done is closed, or Until has passed
	Emit   func(Entry) error
}

// Read delivers the entries of the log at path and of its rotated files, oldest
// first: path.1, path.2 ... or, as a kubelet names them, path.20060102-150405, some
// with .gz. With Follow it waits for more, through rotations,
// until done is closed and everything has been delivered. Entries that cannot be
// decoded are skipped and counted in the error. A log that does not exist is
// fs.ErrNotExist, or with Follow one that is yet to come.
func Read(ctx context.Context, path string, opts Options, done <-chan struct{}) error {
	r := &reader{path: path, opts: opts, dec: decoder{lines: opts.Lines}}
	defer r.close()
	if opts.Follow {
		w, err := watchDir(filepath.Dir(path))
		if err != nil {
			return err
		}
		defer w.close()
		r.watch = w
	}
	err := r.run(ctx, done)
	if errors.Is(err, errEnough) {
		err = nil
	}
	if r.bad > 0 {
		err = errors.Join(err, fmt.Errorf("%s: %d entries cannot be read", path, r.bad))
	}
	return err
}

// errEnough ends a read at Options.Until.
var errEnough = errors.New("enough")

type reader struct {
	path  string
	opts  Options
	files []*file // still to be read, oldest first; the last was the current log when opened
	watch *watcher
	dec   decoder
	bad   int
}

func (r *reader) close() {
	for _, f := range r.files {
		_ = f.close() // opened for reading only
	}
}

func (r *reader) run(ctx context.Context, done <-chan struct{}) error {
	files, err := openAll(r.path, nil)
	if err != nil && (!r.opts.Follow || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	r.files = files
	if err := r.seekTail(); err != nil {
		return err
	}
	for {
		finished := isClosed(done) // before reading: what was written until then is read
		if err := r.drain(ctx); err != nil {
			return err
		}
		more, err := r.findNewer()
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if finished || !r.opts.Follow {
			return r.last()
		}
		if err := r.watch.wait(ctx, done, r.opts.Until); err != nil {
			return err
		}
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// openAll opens path and its rotated files, oldest first, or with stop only
// those that are younger than that file. It tries again if a rotation comes
// between.
func openAll(path string, stop fs.FileInfo) ([]*file, error) {
	for range 100 {
		names, err := list(path)
		if err != nil {
			return nil, err
		}
		files, err := openListed(names, stop)
		if err == nil && unmoved(path, names, files) {
			slices.Reverse(files)
			return files, nil
		}
		for _, f := range files {
			_ = f.close() // opened for reading only
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s is rotated faster than it can be opened", path)
}

// unmoved tells whether the files still have their names, and no other has come.
func unmoved(path string, names []string, files []*file) bool {
	again, err := list(path)
	if err != nil || !slices.Equal(names, again) {
		return false
	}
	for i, f := range files {
		info, err := os.Stat(names[i])
		if err != nil || !os.SameFile(info, f.info) {
			return false
		}
	}
	return true
}

// seekTail skips all but the last Options.Tail entries.
func (r *reader) seekTail() error {
	if r.opts.Tail < 0 {
		return nil
	}
	left := r.opts.Tail
	for i := len(r.files) - 1; i >= 0; i-- {
		var err error
		if left == 0 {
			err = r.files[i].seekEnd()
		} else {
			left, err = r.files[i].seekTail(left)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drain delivers all that is in the files now. All but the last are closed: the
// current one may grow.
func (r *reader) drain(ctx context.Context) error {
	for len(r.files) > 0 {
		f := r.files[0]
		if len(r.files) == 1 && f.truncated() {
			f.rewind()
		}
		for n := 0; ; n++ {
			line, err := f.next()
			if err != nil {
				return err
			}
			if line == nil {
				break
			}
			if err := r.emit(line); err != nil {
				return err
			}
			if n%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if len(r.files) == 1 {
			return nil
		}
		if err := r.last(); err != nil {
			return err
		}
		if f.hurt != nil && !errors.Is(f.hurt, io.EOF) {
			r.bad++
		}
		r.files = r.files[1:]
		if err := f.close(); err != nil {
			return err
		}
	}
	return nil
}

// last delivers an entry that lacks its newline, at the end of a file to which
// nothing is added any more.
func (r *reader) last() error {
	if len(r.files) == 0 || len(r.files[0].rest()) == 0 {
		return nil
	}
	e, err := r.dec.decode(r.files[0].rest())
	if err != nil {
		return nil //nolint:nilerr // the head of an entry that was never completed
	}
	return r.deliver(e)
}

func (r *reader) emit(line []byte) error {
	e, err := r.dec.decode(line)
	if err != nil {
		r.bad++
		return nil
	}
	return r.deliver(e)
}

func (r *reader) deliver(e Entry) error {
	if !r.opts.Since.IsZero() && e.Time.Before(r.opts.Since) {
		return nil
	}
	if !r.opts.Until.IsZero() && e.Time.After(r.opts.Until) {
		return errEnough
	}
	return r.opts.Emit(e)
}

// findNewer looks for files that a rotation has begun since the last look. The
// one at hand may have got its last lines just before that, so it stays first in
// the queue.
func (r *reader) findNewer() (bool, error) {
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(r.files) > 0 && os.SameFile(info, r.files[0].info) {
		return false, nil
	}
	var stop fs.FileInfo
	if len(r.files) > 0 {
		stop = r.files[0].info
	}
	files, err := openAll(r.path, stop)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	r.files = append(r.files, files...)
	return len(files) > 0, err
}
