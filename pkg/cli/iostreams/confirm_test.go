package iostreams

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestConfirm(t *testing.T) {
	for text, want := range map[string]bool{"y\n": true, "Y": true, " y \n": true, "yes\n": false, "n\n": false, "\n": false, "": false} {
		s, in, out, _ := Test()
		in.WriteString(text)
		got, err := s.Confirm(t.Context(), "Sure?")
		if got != want || err != nil || out.String() != "Sure? [y/N] " {
			t.Errorf("%q: %t, %v, printed %q", text, got, err, out)
		}
	}
}

func TestConfirmInterrupted(t *testing.T) {
	s, _, _, _ := Test()
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	s.In = r
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.Confirm(ctx, "Sure?"); got || !errors.Is(err, context.Canceled) {
		t.Errorf("%t, %v", got, err)
	}
}
