package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// RemoveOptions are the inputs of `volume rm`.
type RemoveOptions struct {
	Base
	Names []string
	Force bool
}

// NewCmdRemove makes `volume rm`.
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	o := &RemoveOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRemove
	}
	cmd := &cobra.Command{
		Use:                   "rm [OPTIONS] VOLUME [VOLUME...]",
		Aliases:               []string{"remove"},
		Short:                 "Remove one or more volumes",
		Long:                  "Remove one or more volumes. A volume that a container uses, running or not, cannot be removed.",
		Example:               "  nerd volume rm data\n  nerd volume rm --force data scratch",
		Args:                  flagx.MinArgs(1),
		Annotations:           map[string]string{"aliases": "nerd volume rm, nerd volume remove"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Volumes(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "Take no offence at volumes that do not exist")
	return cmd
}

func runRemove(ctx context.Context, o *RemoveOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range o.Names {
		if err := s.Remove(ctx, name, o.Force); err != nil {
			failed = append(failed, err)
			continue
		}
		if _, err := fmt.Fprintln(o.IO.Out, name); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}
