package event

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/events"
)

// Query says which events Read hands out.
type Query struct {
	// Since is the time of the first event; zero: only what happens from now on,
	// or with Until all that is kept.
	Since time.Time
	// Until is the time of the last event, after which Read returns; zero: never.
	Until  time.Time
	Filter *Filter // nil: all
}

// Read calls fn with each event, the oldest first, as they come. It returns when
// Until has passed, ctx has ended, which is its error then, or fn fails.
func (l *Log) Read(ctx context.Context, q Query, fn func(events.Message) error) error {
	r := &reader{log: l, query: q, fn: fn}
	defer r.close()
	w, err := l.watch()
	if err != nil {
		return err
	}
	defer w.close()
	if err := r.begin(); err != nil {
		return err
	}
	for {
		if err := r.drain(); err != nil {
			return err
		}
		if !q.Until.IsZero() && !time.Now().Before(q.Until) {
			return nil
		}
		if err := w.wait(ctx, q.Until); err != nil {
			return err
		}
	}
}

// reader is a place in the log.
type reader struct {
	log   *Log
	query Query
	fn    func(events.Message) error

	f    *os.File // nil: before the first file
	part []byte   // of a line that is being written
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close() // nothing was written
	}
}

// begin goes to the first file, or to the end of the last for a reader that does
// not look back.
func (r *reader) begin() error {
	if !r.query.Since.IsZero() || !r.query.Until.IsZero() {
		return nil
	}
	f, err := r.log.open() // made if need be, so that its end can be found
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if r.f, err = os.Open(f.Name()); err != nil {
		return err
	}
	_, err = r.f.Seek(0, io.SeekEnd)
	return err
}

// drain hands out all that is there, file after file.
func (r *reader) drain() error {
	for {
		if r.f != nil {
			if err := r.rest(); err != nil {
				return err
			}
			here, err := r.log.isCurrent(r.f)
			if here || err != nil {
				return err
			}
			// Put away: nobody has written to it since, but perhaps just before.
			if err := r.rest(); err != nil {
				return err
			}
		}
		next, err := r.next()
		if next == nil || err != nil {
			return err
		}
		r.close()
		r.f, r.part = next, nil
	}
}

// rest hands out what the file has beyond the place.
func (r *reader) rest() error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.f.Read(buf)
		data := buf[:n]
		for {
			line, more, ok := cutLine(data)
			if !ok {
				r.part = append(r.part, data...)
				break
			}
			if err := r.line(append(r.part, line...)); err != nil {
				return err
			}
			r.part, data = r.part[:0], more
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func cutLine(data []byte) (line, rest []byte, ok bool) {
	for i, b := range data {
		if b == '\n' {
			return data[:i], data[i+1:], true
		}
	}
	return nil, nil, false
}

// line hands out one event. What cannot be read is a line that a full disk cut
// short.
func (r *reader) line(text []byte) error {
	var e events.Message
	if json.Unmarshal(text, &e) != nil {
		return nil
	}
	q := &r.query
	if !q.Since.IsZero() && e.TimeNano < q.Since.UnixNano() || !q.Until.IsZero() && e.TimeNano > q.Until.UnixNano() {
		return nil
	}
	if q.Filter != nil && !q.Filter.Match(e) {
		return nil
	}
	return r.fn(e)
}

// next opens the file after the reader's, or the first that can have something
// for it; nil if there is none yet.
func (r *reader) next() (*os.File, error) {
	for {
		old, err := r.log.old()
		if err != nil {
			return nil, err
		}
		if n, ok := r.after(old); ok {
			f, err := os.Open(r.log.oldPath(n))
			if errors.Is(err, os.ErrNotExist) {
				continue // removed meanwhile, look again
			}
			return f, err
		}
		f, err := os.Open(filepath.Join(r.log.dir, currentName))
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		// If a file was put away between the two looks, it comes first.
		again, err := r.log.old()
		if err == nil && last(again) == last(old) {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}

// after is the number, among those of older files, that comes after the reader's
// file. Files that were closed before Since are passed over.
func (r *reader) after(old []int) (n int, ok bool) {
	from := 0
	if r.f != nil {
		mine, err := r.f.Stat()
		for i, n := range old {
			if fi, serr := os.Stat(r.log.oldPath(n)); err == nil && serr == nil && os.SameFile(mine, fi) {
				from = i + 1
			}
		}
	}
	for _, n := range old[from:] {
		fi, err := os.Stat(r.log.oldPath(n))
		if err != nil || fi.ModTime().Before(r.query.Since) {
			continue
		}
		return n, true
	}
	return 0, false
}

func last(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}
