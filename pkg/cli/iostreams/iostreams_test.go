package iostreams

import (
	"errors"
	"os"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"
)

func TestBuffersAreNoTerminal(t *testing.T) {
	s, in, out, errOut := Test()
	in.WriteString("x")
	if s.InIsTerminal() || s.OutIsTerminal() || s.ErrIsTerminal() || s.Color() || s.ErrColor() {
		t.Error("a buffer is a terminal")
	}
	if _, _, ok := s.Size(); ok || s.Width() != DefaultWidth || s.ErrWidth() != DefaultWidth {
		t.Error("a buffer has a size")
	}
	if _, err := s.RawMode(); !errors.Is(err, ErrNotTerminal) {
		t.Errorf("got %v", err)
	}
	if s.Out != out || s.Err != errOut {
		t.Error("other buffers")
	}
}

func TestTerminal(t *testing.T) {
	control, tty, err := pty.Open()
	if err != nil {
		t.Fatalf("no pseudo-terminal here: %v", err)
	}
	defer func() { _ = control.Close(); _ = tty.Close() }()
	if err := pty.Setsize(control, &pty.Winsize{Rows: 33, Cols: 111}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	s := FromFiles(tty, tty, tty)
	if !s.InIsTerminal() || !s.OutIsTerminal() || !s.ErrIsTerminal() || !s.Color() || !s.ErrColor() {
		t.Error("not a terminal")
	}
	if w, h, ok := s.Size(); !ok || w != 111 || h != 33 || s.Width() != 111 || s.ErrWidth() != 111 {
		t.Errorf("got %d x %d, %t", w, h, ok)
	}
	t.Setenv("NO_COLOR", "1")
	if s.Color() {
		t.Error("colour in spite of NO_COLOR")
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	restore, err := s.RawMode()
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := term.GetState(int(tty.Fd())); *raw == *before {
		t.Error("not raw")
	}
	restore()
	restore()
	if after, _ := term.GetState(int(tty.Fd())); *after != *before {
		t.Error("not restored")
	}
}

func TestSizeOfInput(t *testing.T) {
	control, tty, err := pty.Open()
	if err != nil {
		t.Fatalf("no pseudo-terminal here: %v", err)
	}
	defer func() { _ = control.Close(); _ = tty.Close() }()
	if err := pty.Setsize(control, &pty.Winsize{Rows: 5, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if w, _, ok := FromFiles(tty, null, null).Size(); !ok || w != 50 {
		t.Errorf("got %d, %t", w, ok)
	}
}

func TestSetTerminal(t *testing.T) {
	s, _, _, _ := Test()
	s.SetTerminal(true, false, true, 60)
	if !s.InIsTerminal() || s.OutIsTerminal() || !s.ErrIsTerminal() || s.Width() != 60 || s.ErrWidth() != 60 {
		t.Error("not as set")
	}
}

func TestSystem(t *testing.T) {
	if s := System(); s.In != os.Stdin || s.Out != os.Stdout || s.Err != os.Stderr {
		t.Error("not the process's streams")
	}
}
