package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// followInterval is how often a followed log is looked at.
const followInterval = 200 * time.Millisecond

// tailBlock is how much is read at a time from a log's end towards its start.
const tailBlock = 64 << 10

// LogOptions select what Logs writes.
type LogOptions struct {
	Build  bool // buildkitd's log instead of containerd's
	Follow bool // go on until the context ends
	Tail   int  // lines from the end; negative: everything
}

// Logs writes the log of a daemon, back to its last rotation.
func Logs(ctx context.Context, l state.Layout, w io.Writer, opts LogOptions) error {
	d := containerd(l)
	if opts.Build {
		d = buildkitd(l, "")
	}
	f, err := os.Open(d.logFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no log at %s: %s was never started: %w", d.logFile, d.name, fs.ErrNotExist)
		return errs.WithHint(err, "start it with 'nerd engine up'")
	}
	if err != nil {
		return err
	}
	if err := seekTail(f, opts.Tail); err != nil {
		return errors.Join(err, f.Close())
	}
	for {
		if _, err := io.Copy(w, f); err != nil || !opts.Follow {
			return errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return f.Close()
		case <-time.After(followInterval):
		}
		if f, err = reopen(w, f, d.logFile); err != nil {
			return err
		}
	}
}

// reopen follows a log through its rotation: what is left of the old file is
// written first.
func reopen(w io.Writer, f *os.File, path string) (*os.File, error) {
	open, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	named, err := os.Stat(path)
	if err != nil || os.SameFile(open, named) {
		return f, nil // gone for the moment, or the same
	}
	_, err = io.Copy(w, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// seekTail moves to the start of the last n lines.
func seekTail(f *os.File, n int) error {
	if n < 0 {
		return nil
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || n == 0 {
		return err
	}
	buf := make([]byte, tailBlock)
	for pos := end; pos > 0; {
		size := min(pos, tailBlock)
		pos -= size
		block := buf[:size]
		if _, err := f.ReadAt(block, pos); err != nil {
			return err
		}
		if pos+size == end && block[size-1] == '\n' {
			block = block[:size-1] // ends the last line, does not begin another
		}
		for {
			i := bytes.LastIndexByte(block, '\n')
			if i < 0 {
				break
			}
			if n--; n == 0 {
				_, err := f.Seek(pos+int64(i)+1, io.SeekStart)
				return err
			}
			block = block[:i]
		}
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// lastError finds why a daemon ended in what it has logged from an offset on:
// the last line that is an error, else the last one.
func lastError(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err.Error()
	}
	var last, worst string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.Contains(line, "msg=\"nerd starts ") {
			continue
		}
		last = line
		if isError(line) {
			worst = line
		}
	}
	switch {
	case worst != "":
		return message(worst)
	case last != "":
		return message(last)
	}
	return "it logged nothing"
}

// isError tells an error from the rest: a log entry of such a level, or what a
// program prints as NAME: MESSAGE when it ends.
func isError(line string) bool {
	if level, ok := logField(line, "level"); ok {
		return level == "error" || level == "fatal" || level == "panic"
	}
	return strings.HasPrefix(line, "containerd: ") || strings.HasPrefix(line, "buildkitd: ") || strings.HasPrefix(line, "panic: ")
}

// message is the text of a log entry with its cause, or the line itself.
func message(line string) string {
	msg, ok := logField(line, "msg")
	if !ok {
		_, rest, ok := strings.Cut(line, ": ")
		if ok && isError(line) {
			return rest
		}
		return line
	}
	if cause, ok := logField(line, "error"); ok {
		return msg + ": " + cause
	}
	return msg
}

// logField takes a field out of an entry in logrus's text format: key=value
// pairs, the value quoted as in Go if need be.
func logField(line, key string) (string, bool) {
	for rest := line; rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return "", false
		}
		var value string
		if quoted, err := strconv.QuotedPrefix(after); err == nil {
			after = after[len(quoted):]
			if value, err = strconv.Unquote(quoted); err != nil {
				return "", false
			}
		} else {
			value, after, _ = strings.Cut(after, " ")
		}
		if strings.TrimSpace(name) == key {
			return value, true
		}
		rest = strings.TrimLeft(after, " ")
	}
	return "", false
}
