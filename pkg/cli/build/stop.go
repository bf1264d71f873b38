package build

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// NewCmdStop makes "nerd builder stop".
func NewCmdStop(f *factory.Factory, runF func(context.Context, *factory.Factory) error) *cobra.Command {
	if runF == nil {
		runF = runStop
	}
	return &cobra.Command{
		Use:   "stop",
		Short: "Stop the builder of the namespace",
		Long: `Stop the builder of the namespace. Its cache stays, and the next build starts it
again.`,
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{aliases: "nerd builder stop, nerd buildx stop"},
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), f) },
	}
}

// NewCmdRemove makes "nerd builder rm".
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *factory.Factory) error) *cobra.Command {
	if runF == nil {
		runF = runRemove
	}
	return &cobra.Command{
		Use:   "rm",
		Short: "Remove the builder of the namespace with its whole cache",
		Long: `Stop the builder of the namespace, and remove its whole cache. Images stay. The
next build starts a new builder.`,
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{aliases: "nerd builder rm, nerd buildx rm"},
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), f) },
	}
}

func runRemove(ctx context.Context, f *factory.Factory) error {
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	return client.RemoveBuilder(ctx)
}

func runStop(ctx context.Context, f *factory.Factory) error {
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	return client.StopBuilder(ctx)
}
