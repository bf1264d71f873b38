package errs

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestHint(t *testing.T) {
	if err := WithHint(nil, "do something"); err != nil {
		t.Errorf("a hint to nothing is %v", err)
	}
	err := fmt.Errorf("run: %w", WithHint(io.ErrUnexpectedEOF, "try %s", "again"))
	if got, want := err.Error(), "run: unexpected EOF: try again"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the hint hides its cause")
	}
	var h *Hint
	if !errors.As(err, &h) || h.Hint != "try again" {
		t.Errorf("the hint is not found: %+v", h)
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&Exit{Code: 3}, "exit status 3"},
		{&Exit{Code: 3, Err: io.EOF}, "EOF"},
		{&Start{Code: 127, Err: io.EOF}, "EOF"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%#v says %q, want %q", c.err, got, c.want)
		}
	}
	for _, err := range []error{&Exit{Err: io.EOF}, &Start{Err: io.EOF}} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%T hides its cause", err)
		}
	}
}

func TestCode(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, 125},
		{"other", io.EOF, 125},
		{"exit", &Exit{Code: 3}, 3},
		{"exit zero", &Exit{}, 0},
		{"wrapped start", fmt.Errorf("x: %w", &Start{Code: 127, Err: io.EOF}), 127},
		{"joined", errors.Join(&Start{Code: 126, Err: io.EOF}, io.EOF), 126},
		{"exit wins", errors.Join(&Start{Code: 126, Err: io.EOF}, &Exit{Code: 9}), 9},
		{"hint", WithHint(&Start{Code: 127, Err: io.EOF}, "x"), 127},
	} {
		if got := Code(c.err, 125); got != c.want {
			t.Errorf("%s: code is %d, want %d", c.name, got, c.want)
		}
	}
}

func TestErrorf(t *testing.T) {
	err := fmt.Errorf("run: %w", Errorf(io.ErrClosedPipe, "x %d: %w", 1, io.EOF))
	if err.Error() != "run: x 1: EOF" || !errors.Is(err, io.ErrClosedPipe) || !errors.Is(err, io.EOF) || errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}
