package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// RemoveOptions are the inputs of "nerd rmi".
type RemoveOptions struct {
	Factory *factory.Factory

	Refs   []string
	Remove image.RemoveOptions
}

// NewCmdRemove makes "nerd rmi".
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	o := &RemoveOptions{Factory: f}
	var platforms []string
	cmd := &cobra.Command{
		Use:                   "rmi [OPTIONS] IMAGE [IMAGE...]",
		Short:                 "Remove one or more images",
		Args:                  flagx.MinArgs(1),
		Annotations:           map[string]string{aliases: "nerd image rm, nerd image remove, nerd rmi"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			if len(platforms) > 0 {
				return flagx.FlagError(cmd, errors.New("--platform is not supported: remove the image, and pull the platforms to keep"))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runRemove(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Remove.Async, "async", false, "Leave the content to the next garbage collection")
	flags.BoolVarP(&o.Remove.Force, "force", "f", false, "Force removal of the image")
	flags.Bool("no-prune", false, "Do not delete untagged parents (images have none: always so)")
	flags.StringSliceVar(&platforms, "platform", nil, "Remove only the given platform variant (not supported)")
	return cmd
}

func runRemove(ctx context.Context, o *RemoveOptions) error {
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	var failed []error
	missingOnly := true
	for _, ref := range o.Refs {
		results, err := client.Images.Remove(ctx, ref, o.Remove)
		for _, r := range results {
			line := "Untagged: " + r.Untagged
			if r.Deleted != "" {
				line = "Deleted: " + r.Deleted
			}
			if _, err := fmt.Fprintln(o.Factory.IO.Out, line); err != nil {
				return err
			}
		}
		if err != nil {
			failed = append(failed, err)
			missingOnly = missingOnly && errdefs.IsNotFound(err)
		}
	}
	err = errors.Join(failed...)
	if err != nil && o.Remove.Force && missingOnly {
		// What should not be there is not there: a warning is enough.
		_, err = fmt.Fprintln(o.Factory.IO.Err, err)
	}
	return err
}
