// Package errs holds the few error types that cross package borders beside
// containerd's errdefs kinds (NotFound, AlreadyExists, InvalidArgument, ...).
package errs

import (
	"errors"
	"fmt"
)

// Hint is an error with the way out: what the user can do about it.
type Hint struct {
	Err  error
	Hint string
}

func (h *Hint) Error() string { return h.Err.Error() + ": " + h.Hint }
func (h *Hint) Unwrap() error { return h.Err }

// WithHint adds a hint to err. A nil err stays nil.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Hint{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// Start says that a container or an exec could not start its command: Code is
// 127 when there is no such file, 126 when it cannot be executed, as for a shell.
type Start struct {
	Code int
	Err  error
}

func (s *Start) Error() string { return s.Err.Error() }
func (s *Start) Unwrap() error { return s.Err }

// Exit carries the exit status of a container or an exec through to the exit
// status of the program. It prints nothing of its own unless Err is set.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
func (e *Exit) Unwrap() error { return e.Err }

// Code is the exit status that err asks for, or other if it asks for none.
func Code(err error, other int) int {
	var exit *Exit
	if errors.As(err, &exit) {
		return exit.Code
	}
	var start *Start
	if errors.As(err, &start) {
		return start.Code
	}
	return other
}

// kindError has a message of its own and a kind that errors.Is finds.
type kindError struct {
	err  error
	kind error
}

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.err, e.kind} }

// Errorf is fmt.Errorf for an error that is also of a kind, one of errdefs': the
// kind's own words are not part of the message.
func Errorf(kind error, format string, args ...any) error {
	return &kindError{fmt.Errorf(format, args...), kind}
}
