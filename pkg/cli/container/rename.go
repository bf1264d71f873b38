package container

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// RenameOptions are the inputs of `rename`.
type RenameOptions struct {
	Base
	Name, NewName string
}

// NewCmdRename makes `rename`.
func NewCmdRename(f *factory.Factory, runF func(context.Context, *RenameOptions) error) *cobra.Command {
	o := &RenameOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRename
	}
	cmd := verb("rename CONTAINER NEW_NAME", "Rename a container", flagx.ExactArgs(2))
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name, o.NewName = args[0], args[1]
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runRename(ctx context.Context, o *RenameOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return s.Rename(ctx, o.Name, o.NewName)
}
