package manifest

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// PushOptions are the inputs of "nerd manifest push".
type PushOptions struct {
	Factory *factory.Factory

	List     string
	Insecure bool
	Purge    bool
}

// NewCmdPush makes "nerd manifest push".
func NewCmdPush(f *factory.Factory, runF func(context.Context, *PushOptions) error) *cobra.Command {
	o := &PushOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "push [OPTIONS] MANIFEST_LIST",
		Short:                 "Push a manifest list to a repository",
		Args:                  flagx.ExactArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.List = args[0]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runPush(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Insecure, "insecure", false, "Allow push to an insecure registry")
	cmd.Flags().BoolVarP(&o.Purge, "purge", "p", false, "Remove the local manifest list after push")
	return cmd
}

func runPush(ctx context.Context, o *PushOptions) error {
	target, err := listName(o.List)
	if err != nil {
		return err
	}
	s, err := store(o.Factory, o.Insecure)
	if err != nil {
		return err
	}
	digest, err := s.Push(ctx, target)
	if err != nil {
		return err
	}
	if o.Purge {
		if err := s.Remove(target); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(o.Factory.IO.Out, digest)
	return err
}
