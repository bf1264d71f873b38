package manifest

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// CreateOptions are the inputs of "nerd manifest create".
type CreateOptions struct {
	Factory *factory.Factory

	List     string
	Refs     []string
	Amend    bool
	Insecure bool
}

// NewCmdCreate makes "nerd manifest create".
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "create MANIFEST_LIST MANIFEST [MANIFEST...]",
		Short:                 "Create a local manifest list for annotating and pushing to a registry",
		Args:                  flagx.MinArgs(2),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.List, o.Refs = args[0], args[1:]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runCreate(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.Amend, "amend", "a", false, "Amend an existing manifest list")
	cmd.Flags().BoolVar(&o.Insecure, "insecure", false, insecureHelp)
	return cmd
}

func runCreate(ctx context.Context, o *CreateOptions) error {
	target, err := listName(o.List)
	if err != nil {
		return err
	}
	refs := make([]reference.Named, len(o.Refs))
	for i, text := range o.Refs {
		if refs[i], err = image.ParseName(text); err != nil {
			return err
		}
	}
	s, err := store(o.Factory, o.Insecure)
	if err != nil {
		return err
	}
	if err := s.Create(ctx, target, refs, o.Amend); err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.Factory.IO.Out, "Created manifest list", target)
	return err
}
