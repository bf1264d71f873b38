package context

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// UseOptions are the inputs of `context use`.
type UseOptions struct {
	Base
	Name string
}

// NewCmdUse makes `context use`.
func NewCmdUse(f *factory.Factory, runF func(context.Context, *UseOptions) error) *cobra.Command {
	o := &UseOptions{Base: newBase(f)}
	if runF == nil {
		runF = runUse
	}
	return &cobra.Command{
		Use:               "use CONTEXT",
		Short:             "Set the current context",
		Example:           "  nerd context use pods\n  nerd context use default",
		Args:              flagx.ExactArgs(1),
		ValidArgsFunction: firstName(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return runF(cmd.Context(), o)
		},
	}
}

func runUse(_ context.Context, o *UseOptions) error {
	if err := o.Store().Use(o.Name); err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, o.Name)
	fmt.Fprintf(o.IO.Err, "Current context is now %q\n", o.Name)
	o.overridden()
	return nil
}

// RemoveOptions are the inputs of `context rm`.
type RemoveOptions struct {
	Base
	Names []string
	Force bool
}

// NewCmdRemove makes `context rm`.
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	o := &RemoveOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRemove
	}
	cmd := &cobra.Command{
		Use:               "rm [OPTIONS] CONTEXT [CONTEXT...]",
		Aliases:           []string{"remove"},
		Short:             "Remove one or more contexts",
		Example:           "  nerd context rm pods\n  nerd context rm -f far",
		Args:              flagx.MinArgs(1),
		ValidArgsFunction: names(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "Also remove the current context; no error for one that is not there")
	return cmd
}

func runRemove(_ context.Context, o *RemoveOptions) error {
	var failed []error
	for _, name := range o.Names {
		if err := o.Store().Remove(name, o.Force); err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintln(o.IO.Out, name)
	}
	return errors.Join(failed...)
}
