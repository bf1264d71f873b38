package container

import (
	"context"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// NamesOptions are the inputs of a verb that takes containers and nothing else.
type NamesOptions struct {
	Base
	Names []string
}

// newNames makes such a verb of what it does to one container.
func newNames(f *factory.Factory, cmd *cobra.Command, keep func(apicontainer.ContainerState) bool,
	do func(Service) func(context.Context, string) error, runF func(context.Context, *NamesOptions) error,
) *cobra.Command {
	o := &NamesOptions{Base: newBase(f)}
	if runF == nil {
		runF = func(ctx context.Context, o *NamesOptions) error {
			s, err := o.Service(ctx)
			if err != nil {
				return err
			}
			return each(ctx, o.IO, o.Names, do(s))
		}
	}
	cmd.ValidArgsFunction = complete.Containers(f, keep)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	return cmd
}

// NewCmdPause makes `pause`.
func NewCmdPause(f *factory.Factory, runF func(context.Context, *NamesOptions) error) *cobra.Command {
	cmd := verb("pause CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", flagx.MinArgs(1))
	return newNames(f, cmd, func(s apicontainer.ContainerState) bool { return s == apicontainer.StateRunning },
		func(s Service) func(context.Context, string) error { return s.Pause }, runF)
}

// NewCmdUnpause makes `unpause`.
func NewCmdUnpause(f *factory.Factory, runF func(context.Context, *NamesOptions) error) *cobra.Command {
	cmd := verb("unpause CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", flagx.MinArgs(1))
	return newNames(f, cmd, func(s apicontainer.ContainerState) bool { return s == apicontainer.StatePaused },
		func(s Service) func(context.Context, string) error { return s.Unpause }, runF)
}
