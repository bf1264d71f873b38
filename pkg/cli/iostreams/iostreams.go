// Package iostreams is the program's standard input, output and error together
// with what is known about the terminal behind them.
package iostreams

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// DefaultWidth is the width in characters that is assumed when the output is
// not a terminal.
const DefaultWidth = 80

// ErrNotTerminal is returned when a terminal is needed and there is none.
var ErrNotTerminal = errors.New("the input device is not a TTY")

// IOStreams are the streams of one run of the program.
type IOStreams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	in, out, err *os.File // the files behind them, nil in tests

	// set by tests only
	inTTY, outTTY, errTTY *bool
	width                 int
}

// System is the process's own streams.
func System() *IOStreams { return FromFiles(os.Stdin, os.Stdout, os.Stderr) }

// FromFiles makes streams of files, which may be the ends of a pseudo-terminal.
func FromFiles(in, out, err *os.File) *IOStreams {
	return &IOStreams{In: in, Out: out, Err: err, in: in, out: out, err: err}
}

// Test makes streams of buffers, none of which is a terminal.
func Test() (streams *IOStreams, in, out, err *bytes.Buffer) {
	in, out, err = &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	return &IOStreams{In: in, Out: out, Err: err}, in, out, err
}

// SetTerminal overrides what is known about the terminal, for tests.
func (s *IOStreams) SetTerminal(in, out, err bool, width int) {
	s.inTTY, s.outTTY, s.errTTY, s.width = &in, &out, &err, width
}

func isTerminal(override *bool, f *os.File) bool {
	if override != nil {
		return *override
	}
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// InIsTerminal says whether standard input is a terminal.
func (s *IOStreams) InIsTerminal() bool { return isTerminal(s.inTTY, s.in) }

// OutIsTerminal says whether standard output is a terminal.
func (s *IOStreams) OutIsTerminal() bool { return isTerminal(s.outTTY, s.out) }

// ErrIsTerminal says whether standard error is a terminal.
func (s *IOStreams) ErrIsTerminal() bool { return isTerminal(s.errTTY, s.err) }

// Size is the terminal's size in characters: of the output, or of the input
// when the output goes elsewhere. ok is false when neither is a terminal.
func (s *IOStreams) Size() (width, height int, ok bool) {
	if s.width > 0 {
		return s.width, 24, true
	}
	for _, f := range []*os.File{s.out, s.in} {
		if f == nil {
			continue
		}
		if w, h, err := term.GetSize(int(f.Fd())); err == nil {
			return w, h, true
		}
	}
	return 0, 0, false
}

// Width is the number of characters that fit in a line of output.
func (s *IOStreams) Width() int {
	if w, _, ok := s.Size(); ok && w > 0 {
		return w
	}
	return DefaultWidth
}

// ErrWidth is the width of the terminal behind standard error, for progress.
func (s *IOStreams) ErrWidth() int {
	if s.width > 0 {
		return s.width
	}
	if s.err != nil {
		if w, _, err := term.GetSize(int(s.err.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return DefaultWidth
}

// Color says whether output may be coloured: on a terminal that can, unless
// NO_COLOR is set (https://no-color.org).
func (s *IOStreams) Color() bool { return s.OutIsTerminal() && colorAllowed() }

// ErrColor is Color for standard error.
func (s *IOStreams) ErrColor() bool { return s.ErrIsTerminal() && colorAllowed() }

func colorAllowed() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// RawMode puts the terminal of standard input into raw mode, so that keys reach
// the container as they are. The returned function undoes it; it may be called
// more than once. Without a terminal it is ErrNotTerminal.
func (s *IOStreams) RawMode() (restore func(), err error) {
	if s.in == nil || !s.InIsTerminal() {
		return nil, ErrNotTerminal
	}
	fd := int(s.in.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, old) }, nil
}
