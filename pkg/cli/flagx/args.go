// Package flagx turns what stands on a command line into typed values. Parsing
// has no side effects: nothing is created, resolved or dialled.
package flagx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/compat"
)

// Exit statuses of a command line that is wrong, as Docker's: a flag that does
// not parse and a wrong number of arguments.
const (
	ExitBadFlag = 125
	ExitBadArgs = 1
	// ExitComposeUsage is Docker Compose's for flags that do not parse and for
	// commands that it does not have.
	ExitComposeUsage = 16
)

// UsageError is a command line that cannot be run. Command is the path of the
// command, for the pointer to its help.
type UsageError struct {
	Command string
	Code    int
	Err     error
}

func (u *UsageError) Error() string { return u.Err.Error() }
func (u *UsageError) Unwrap() error { return u.Err }

// FlagError makes a UsageError of an error in a flag or in how flags go
// together.
func FlagError(cmd *cobra.Command, err error) error {
	var usage *UsageError
	if err == nil || errors.As(err, &usage) {
		return err
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		if near := nearFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			err = fmt.Errorf("%w, did you mean --%s?", err, near)
		}
	}
	return &UsageError{Command: cmd.CommandPath(), Code: ExitBadFlag, Err: err}
}

func argsError(cmd *cobra.Command, format string, args ...any) error {
	return &UsageError{
		Command: cmd.CommandPath(),
		Code:    ExitBadArgs,
		Err:     fmt.Errorf("%q %s", cmd.CommandPath(), fmt.Sprintf(format, args...)),
	}
}

// NoArgs accepts no arguments. In a group of commands, an argument is the name
// of a command that does not exist.
func NoArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return UnknownCommand(cmd, args[0])
	}
	return argsError(cmd, "accepts no arguments")
}

// ExactArgs accepts n arguments.
func ExactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return argsError(cmd, "requires exactly %s", count(n))
	}
}

// MinArgs accepts n arguments or more.
func MinArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return argsError(cmd, "requires at least %s", count(n))
	}
}

// MaxArgs accepts n arguments or fewer.
func MaxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return argsError(cmd, "requires at most %s", count(n))
	}
}

// RangeArgs accepts from low to high arguments.
func RangeArgs(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if low <= len(args) && len(args) <= high {
			return nil
		}
		return argsError(cmd, "requires at least %d and at most %s", low, count(high))
	}
}

func count(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// UnknownCommand is the error for a command that does not exist, with those
// whose name is near.
func UnknownCommand(cmd *cobra.Command, name string) error {
	if e, ok := compat.RefusedCommand(name); ok && !cmd.HasParent() {
		return &UsageError{Command: cmd.CommandPath(), Code: ExitBadArgs, Err: Unsupported(fmt.Sprintf("'%s' is", name), e.Instead)}
	}
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	text := fmt.Sprintf("'%s' is not a %s command", name, cmd.CommandPath())
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		text += fmt.Sprintf(", did you mean '%s'?", strings.Join(near, "' or '"))
	}
	return &UsageError{Command: cmd.CommandPath(), Code: ExitBadArgs, Err: errors.New(text)}
}

// Unsupported is an error of the kind NotImplemented: something that Docker has
// and nerd has not, with what to do instead.
func Unsupported(what, instead string) error {
	return &unsupportedError{what + " not supported: " + instead}
}

// unsupportedError has its kind beside its text, which is meant for users.
type unsupportedError struct{ text string }

func (u *unsupportedError) Error() string { return u.text }
func (u *unsupportedError) Unwrap() error { return errdefs.ErrNotImplemented }
