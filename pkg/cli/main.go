// Package cli is the command line: the tree of commands, the global flags, and
// the one place where an error becomes a message and an exit status.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Main runs one command line and returns the program's exit status.
func Main(ctx context.Context, args []string, streams *iostreams.IOStreams) int {
	var globals globalFlags
	f := factory.New(streams, os.LookupEnv, globals.values)
	defer f.Close()
	root := NewCmdRoot(f, &globals)
	root.SetArgs(args)

	ctx, stop := f.Signals.Watch(ctx)
	defer stop()
	err := usageError(root.ExecuteContext(ctx))
	if sig, ok := f.Signals.Received(); ok && err != nil && ctx.Err() != nil {
		return interrupted(streams.Err, err, sig)
	}
	report(streams.Err, err)
	return exitCode(err)
}

// usageError finds the errors of the flags that stand before the command, which
// cobra does not hand to the function that makes usage errors of the others.
func usageError(err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
		usage   *flagx.UsageError
	)
	if errors.As(err, &usage) {
		return err
	}
	if errors.As(err, &unknown) || errors.As(err, &missing) || errors.As(err, &invalid) || errors.As(err, &syntax) {
		return &flagx.UsageError{Command: "nerd", Code: flagx.ExitBadFlag, Err: err}
	}
	return err
}

// interrupted is the end of a command that a signal stopped: the exit status is
// the one a shell shows for it. A cancelled context needs no message.
func interrupted(w io.Writer, err error, sig syscall.Signal) int {
	if !errors.Is(err, context.Canceled) {
		report(w, err)
	}
	return 128 + int(sig)
}

// exitCode maps an error to the exit status of the program.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var usage *flagx.UsageError
	if errors.As(err, &usage) {
		return usage.Code
	}
	return errs.Code(err, 1)
}

// report writes an error on one line, or on two where the second points to the
// help. The exit status of a container is not an error of nerd's.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	var exit *errs.Exit
	if errors.As(err, &exit) && exit.Err == nil {
		return
	}
	fmt.Fprintf(w, "nerd: %s\n", withoutKind(oneLine(err.Error())))
	var usage *flagx.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(w, "See '%s --help'.\n", usage.Command)
	}
}

// withoutKind drops the kind that errdefs leaves at the end of a message: it is
// for programs.
func withoutKind(text string) string {
	for _, kind := range []error{
		errdefs.ErrNotFound, errdefs.ErrInvalidArgument, errdefs.ErrAlreadyExists, errdefs.ErrFailedPrecondition,
		errdefs.ErrNotImplemented, errdefs.ErrUnavailable, errdefs.ErrUnknown, errdefs.ErrPermissionDenied,
	} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}

// oneLine joins the lines of a message that came from elsewhere.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
