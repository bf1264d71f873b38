package image

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// TagOptions are the inputs of "nerd tag".
type TagOptions struct {
	Factory *factory.Factory

	Source, Target string
	Kubernetes     bool
}

// NewCmdTag makes "nerd tag".
func NewCmdTag(f *factory.Factory, runF func(context.Context, *TagOptions) error) *cobra.Command {
	o := &TagOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "tag [OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
		Short:                 "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
		Args:                  flagx.ExactArgs(2),
		Annotations:           map[string]string{aliases: "nerd image tag, nerd tag"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(2, complete.Images(f)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source, o.Target = args[0], args[1]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runTag(cmd.Context(), o)
		},
	}
	cmd.Flags().SetInterspersed(false)
	addKubernetes(cmd.Flags(), &o.Kubernetes)
	return cmd
}

func runTag(ctx context.Context, o *TagOptions) error {
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	if !o.Kubernetes || client.Layout.Namespace == kubernetes {
		return client.Images.Tag(ctx, o.Source, o.Target)
	}
	images, closer, err := client.ImagesIn(kubernetes)
	if err != nil {
		return err
	}
	return errors.Join(images.CopyFrom(ctx, client.Images, o.Source, o.Target), closer())
}
