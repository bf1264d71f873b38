package checkpoint

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
)

// NewCmdRemove makes `checkpoint rm`.
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = runRemove
	}
	cmd, _ := newCommand(f, "rm [OPTIONS] CONTAINER CHECKPOINT", "Remove a checkpoint", 2, runF)
	cmd.Aliases = []string{"remove"}
	return cmd
}

func runRemove(ctx context.Context, o *Options) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return s.RemoveCheckpoint(ctx, o.Container, o.Checkpoint)
}
