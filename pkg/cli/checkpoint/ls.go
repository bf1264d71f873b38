package checkpoint

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
)

// NewCmdList makes `checkpoint ls`.
func NewCmdList(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	if runF == nil {
		runF = runList
	}
	cmd, _ := newCommand(f, "ls [OPTIONS] CONTAINER", "List checkpoints for a container", 1, runF)
	cmd.Aliases = []string{"list"}
	return cmd
}

func runList(ctx context.Context, o *Options) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	names, err := s.Checkpoints(ctx, o.Container, o.Checkpoint.Dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, "CHECKPOINT NAME")
	for _, n := range names {
		fmt.Fprintln(o.IO.Out, n)
	}
	return nil
}
