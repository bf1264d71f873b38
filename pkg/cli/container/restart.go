package container

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// NewCmdRestart makes `restart`.
func NewCmdRestart(f *factory.Factory, runF func(context.Context, *StopOptions) error) *cobra.Command {
	o := &StopOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRestart
	}
	var timeout int
	cmd := verb("restart [OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", flagx.MinArgs(1))
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.complete(cmd.Flags(), args, &timeout)
		return runF(cmd.Context(), o)
	}
	o.register(cmd, &timeout)
	return cmd
}

func runRestart(ctx context.Context, o *StopOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return each(ctx, o.IO, o.Names, func(ctx context.Context, name string) error { return s.Restart(ctx, name, o.Stop) })
}
