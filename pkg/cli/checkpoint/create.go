package checkpoint

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
)

// NewCmdCreate makes `checkpoint create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = runCreate
	}
	cmd, o := newCommand(f, "create [OPTIONS] CONTAINER CHECKPOINT", "Create a checkpoint from a running container", 2, runF)
	cmd.Flags().BoolVar(&o.LeaveRunning, "leave-running", false, "Leave the container running after the checkpoint")
	cmd.Example = "  nerd checkpoint create db before-upgrade\n  nerd start --checkpoint before-upgrade db"
	return cmd
}

func runCreate(ctx context.Context, o *Options) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if err := s.CreateCheckpoint(ctx, o.Container, o.Checkpoint, o.LeaveRunning); err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, o.Checkpoint.Name)
	return err
}
