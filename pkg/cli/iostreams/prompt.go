package iostreams

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// Prompt asks for a line on the terminal that the input is.
func (s *IOStreams) Prompt(ctx context.Context, question string) (string, error) {
	if _, err := fmt.Fprint(s.Out, question); err != nil {
		return "", err
	}
	return s.answer(ctx, func() (string, error) { return bufio.NewReader(s.In).ReadString('\n') })
}

// PromptSecret asks for a line that the terminal does not show.
func (s *IOStreams) PromptSecret(ctx context.Context, question string) (string, error) {
	if _, err := fmt.Fprint(s.Out, question); err != nil {
		return "", err
	}
	fd := int(s.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	text, err := s.answer(ctx, func() (string, error) {
		secret, err := term.ReadPassword(fd)
		return string(secret), err
	})
	if ctx.Err() != nil { // the reader still waits, with the echo off
		_ = term.Restore(fd, before)
	}
	_, _ = fmt.Fprintln(s.Out)
	return text, err
}

// answer reads what the user types, unless ctx ends first.
func (s *IOStreams) answer(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := read()
		got <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-got:
		if r.err == io.EOF && r.text != "" { //nolint:errorlint // an unfinished line is an answer too
			r.err = nil
		}
		return strings.TrimSpace(r.text), r.err
	}
}
