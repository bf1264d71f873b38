package container

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// KillOptions are the inputs of `kill`.
type KillOptions struct {
	Base
	Names  []string
	Signal string
}

// NewCmdKill makes `kill`.
func NewCmdKill(f *factory.Factory, runF func(context.Context, *KillOptions) error) *cobra.Command {
	o := &KillOptions{Base: newBase(f)}
	if runF == nil {
		runF = runKill
	}
	cmd := verb("kill [OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", flagx.MinArgs(1))
	cmd.Example = "  nerd kill web\n  nerd kill --signal HUP web"
	cmd.ValidArgsFunction = complete.Containers(f, complete.Running)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.Flags().StringVarP(&o.Signal, "signal", "s", "", "Signal to send, by name or number; SIGKILL if not given")
	_ = cmd.RegisterFlagCompletionFunc("signal", complete.Words("SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"))
	return cmd
}

func runKill(ctx context.Context, o *KillOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return each(ctx, o.IO, o.Names, func(ctx context.Context, name string) error { return s.Kill(ctx, name, o.Signal) })
}
