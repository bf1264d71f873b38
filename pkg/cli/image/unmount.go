package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// UnmountOptions are the inputs of "nerd image unmount".
type UnmountOptions struct {
	Factory *factory.Factory

	Refs  []string // images or paths
	All   bool
	Force bool
}

// NewCmdUnmount makes "nerd image unmount".
func NewCmdUnmount(f *factory.Factory, runF func(context.Context, *UnmountOptions) error) *cobra.Command {
	o := &UnmountOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "unmount [OPTIONS] IMAGE|PATH [IMAGE|PATH...]",
		Aliases:               []string{"umount"},
		Short:                 "Unmount images that were mounted to look inside",
		Annotations:           map[string]string{aliases: "nerd image unmount, nerd image umount"},
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			if o.All == (len(args) > 0) {
				return flagx.FlagError(cmd, errors.New("images or paths are expected, or --all"))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runUnmount(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.All, "all", "a", false, "Unmount all images")
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "Unmount although it is in use: it goes from sight at once, in truth with its last user")
	return cmd
}

func runUnmount(ctx context.Context, o *UnmountOptions) error {
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	var failed []error
	show := func(gone []image.MountedImage, err error) {
		for _, m := range gone {
			fmt.Fprintln(o.Factory.IO.Out, m.Path)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if o.All {
		show(client.Images.UnmountAll(ctx, o.Force))
	}
	for _, ref := range o.Refs {
		show(client.Images.Unmount(ctx, ref, o.Force))
	}
	return errors.Join(failed...)
}
