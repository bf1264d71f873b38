package network

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// DisconnectOptions are the inputs of `network disconnect`.
type DisconnectOptions struct {
	Base
	Network, Container string
	Force              bool
}

// NewCmdDisconnect makes `network disconnect`.
func NewCmdDisconnect(f *factory.Factory, runF func(context.Context, *DisconnectOptions) error) *cobra.Command {
	o := &DisconnectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runDisconnect
	}
	cmd := verb("disconnect [OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network", "  nerd network disconnect web api", flagx.ExactArgs(2))
	cmd.ValidArgsFunction = complete.NetworkThenContainer(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Network, o.Container = args[0], args[1]
		return runF(cmd.Context(), o)
	}
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "Also what is left of a container that is no more")
	return cmd
}

func runDisconnect(ctx context.Context, o *DisconnectOptions) error {
	s, err := o.Containers(ctx)
	if err != nil {
		return err
	}
	return s.DisconnectNetwork(ctx, o.Network, o.Container, o.Force)
}
