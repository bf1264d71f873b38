package manifest

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// RemoveOptions are the inputs of "nerd manifest rm".
type RemoveOptions struct {
	Factory *factory.Factory

	Lists []string
}

// NewCmdRemove makes "nerd manifest rm".
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	o := &RemoveOptions{Factory: f}
	return &cobra.Command{
		Use:                   "rm MANIFEST_LIST [MANIFEST_LIST...]",
		Short:                 "Delete one or more manifest lists from local storage",
		Args:                  flagx.MinArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Lists = args
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runRemove(cmd.Context(), o)
		},
	}
}

func runRemove(_ context.Context, o *RemoveOptions) error {
	s, err := store(o.Factory, false)
	if err != nil {
		return err
	}
	var failed []error
	for _, text := range o.Lists {
		target, err := listName(text)
		if err == nil {
			err = s.Remove(target)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
