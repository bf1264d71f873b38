package manifest

import (
	"context"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// AnnotateOptions are the inputs of "nerd manifest annotate".
type AnnotateOptions struct {
	Factory *factory.Factory

	List, Ref string
	Platform  ocispec.Platform
}

// NewCmdAnnotate makes "nerd manifest annotate".
func NewCmdAnnotate(f *factory.Factory, runF func(context.Context, *AnnotateOptions) error) *cobra.Command {
	o := &AnnotateOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "annotate [OPTIONS] MANIFEST_LIST MANIFEST",
		Short:                 "Add additional information to a local image manifest",
		Args:                  flagx.ExactArgs(2),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.List, o.Ref = args[0], args[1]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runAnnotate(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Platform.Architecture, "arch", "", "Set architecture")
	flags.StringVar(&o.Platform.OS, "os", "", "Set operating system")
	flags.StringSliceVar(&o.Platform.OSFeatures, "os-features", nil, "Set operating system feature")
	flags.StringVar(&o.Platform.OSVersion, "os-version", "", "Set operating system version")
	flags.StringVar(&o.Platform.Variant, "variant", "", "Set architecture variant")
	return cmd
}

func runAnnotate(_ context.Context, o *AnnotateOptions) error {
	target, err := listName(o.List)
	if err != nil {
		return err
	}
	ref, err := image.ParseName(o.Ref)
	if err != nil {
		return err
	}
	s, err := store(o.Factory, false)
	if err != nil {
		return err
	}
	return s.Annotate(target, ref, o.Platform)
}
