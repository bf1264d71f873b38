package network

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// RmOptions are the inputs of `network rm`.
type RmOptions struct {
	Base
	Names []string
	Force bool
}

// NewCmdRm makes `network rm`.
func NewCmdRm(f *factory.Factory, runF func(context.Context, *RmOptions) error) *cobra.Command {
	o := &RmOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRm
	}
	cmd := verb("rm NETWORK [NETWORK...]", "Remove one or more networks", "  nerd network rm web back", flagx.MinArgs(1))
	cmd.Aliases = []string{"remove"}
	cmd.ValidArgsFunction = complete.Networks(f, complete.UserNetworks)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "Do not fail if a network does not exist")
	return cmd
}

func runRm(ctx context.Context, o *RmOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	failed := false
	for _, name := range o.Names {
		_, err := s.Remove(ctx, name)
		switch {
		case err == nil:
			if _, err := fmt.Fprintln(o.IO.Out, name); err != nil {
				return err
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case !o.Force || !errdefs.IsNotFound(err):
			o.IO.PrintError(err)
			failed = true
		}
	}
	if failed {
		return &errs.Exit{Code: 1}
	}
	return nil
}
