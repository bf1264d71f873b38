// Package cli is the command line: the tree of commands, the global flags, and
// the one place where an error becomes a message and an exit status.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Main runs one command line and returns the program's exit status.
func Main(ctx context.Context, args []string, streams *iostreams.IOStreams) int {
	return MainWithBuilder(ctx, args, streams, nil)
}

// MainWithBuilder is Main in the program that builds by itself.
func MainWithBuilder(ctx context.Context, args []string, streams *iostreams.IOStreams, builder build.Runner) int {
	return execute(ctx, args, streams, builder, nil)
}

// MainWithImageTools is Main in the program that has the tools for images.
func MainWithImageTools(ctx context.Context, args []string, streams *iostreams.IOStreams, tools imagetools.Tools) int {
	return execute(ctx, args, streams, nil, tools)
}

func execute(ctx context.Context, args []string, streams *iostreams.IOStreams, builder build.Runner, tools imagetools.Tools) int {
	// Most commands end before a collection would pay: `ps` of 200 containers
	// takes a tenth less processor time.
	debug.SetGCPercent(400)
	var globals globalFlags
	f := factory.New(streams, os.LookupEnv, globals.values)
	defer f.Close()
	f.Args, f.ImageTools = args, tools
	root := NewCmdRoot(f, &globals, builder)
	root.SetArgs(args)
	if completesCompose(root, args) && runComposeProgram(f) != nil {
		return 1 // the shell shows nothing
	}

	ctx, stop := f.Signals.Watch(ctx)
	defer stop()
	err := usageError(root.ExecuteContext(ctx))
	if sig, ok := f.Signals.Received(); ok && err != nil && ctx.Err() != nil {
		return interrupted(streams, err, sig)
	}
	report(streams, err)
	return exitCode(err)
}

// usageError finds the errors of the flags that stand before the command, which
// cobra does not hand to the function that makes usage errors of the others.
func usageError(err error) error {
	var usage *flagx.UsageError
	if errors.As(err, &usage) {
		return err
	}
	if syntaxError(err) {
		return &flagx.UsageError{Command: "nerd", Code: flagx.ExitBadFlag, Err: err}
	}
	return err
}

// syntaxError tells whether a flag could not be read.
func syntaxError(err error) bool {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	return errors.As(err, &unknown) || errors.As(err, &missing) || errors.As(err, &invalid) || errors.As(err, &syntax)
}

// interrupted is the end of a command that a signal stopped: the exit status is
// the one a shell shows for it. A cancelled context needs no message.
func interrupted(streams *iostreams.IOStreams, err error, sig syscall.Signal) int {
	if !errors.Is(err, context.Canceled) {
		report(streams, err)
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
func report(streams *iostreams.IOStreams, err error) {
	if err == nil {
		return
	}
	var exit *errs.Exit
	if errors.As(err, &exit) && exit.Err == nil {
		return
	}
	streams.PrintError(err)
	var usage *flagx.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(streams.Err, "See '%s --help'.\n", usage.Command)
	}
}
