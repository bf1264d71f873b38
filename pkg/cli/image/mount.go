package image

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/image"
)

// MountOptions are the inputs of "nerd image mount".
type MountOptions struct {
	Factory *factory.Factory

	Refs     []string
	Path     string // of a folder, for a single image
	Platform string
	Format   string // of the list, when no image is given
}

// NewCmdMount makes "nerd image mount".
func NewCmdMount(f *factory.Factory, runF func(context.Context, *MountOptions) error) *cobra.Command {
	o := &MountOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "mount [OPTIONS] [IMAGE [PATH|IMAGE...]]",
		Short:                 "Mount images to look inside, or list those that are mounted",
		Long:                  "Mount the root file system of images, to be read, and print where. It stays until it is\nunmounted or the machine stops. A PATH, which begins with a slash or a dot, is the folder\nto mount a single image at. Without an image, list what is mounted.",
		Example:               "  cat $(nerd image mount app)/etc/os-release\n  nerd image mount app /mnt\n  nerd image unmount app",
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			if n := len(args); n > 1 && image.IsPath(args[n-1]) {
				o.Refs, o.Path = args[:n-1], args[n-1]
			}
			if o.Path != "" && len(o.Refs) > 1 {
				return flagx.FlagError(cmd, errors.New("a single image is expected before a path to mount at"))
			}
			if o.Format != "" && len(o.Refs) > 0 {
				return flagx.FlagError(cmd, errors.New("--format is for the list: it cannot be given with an image"))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runMount(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Format, "format", "", "Format the list using a custom template, or 'json'")
	cmd.Flags().StringVar(&o.Platform, "platform", "", "Mount the image of this platform (os[/arch[/variant]])")
	return cmd
}

func runMount(ctx context.Context, o *MountOptions) error {
	platform, err := parsePlatform(o.Platform)
	if err != nil {
		return err
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	if len(o.Refs) == 0 {
		list, err := client.Images.Mounts(ctx)
		if err != nil {
			return err
		}
		return writeMounts(o, list)
	}
	var failed []error
	for _, ref := range o.Refs {
		m, err := client.Images.Mount(ctx, ref, image.MountOptions{Path: o.Path, Platform: platform})
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if _, err := fmt.Fprintln(o.Factory.IO.Out, m.Path); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

func writeMounts(o *MountOptions, list []image.MountedImage) error {
	if o.Format != "" {
		out, err := format.NewInspector(o.Factory.IO.Out, o.Format)
		if err != nil {
			return err
		}
		for _, m := range list {
			if err := out.Add(m); err != nil {
				return err
			}
		}
		return out.Flush()
	}
	w := tabwriter.NewWriter(o.Factory.IO.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tIMAGE ID\tPATH")
	for _, m := range list {
		fmt.Fprintf(w, "%s\t%.12s\t%s\n", m.Image, m.ID.Encoded(), m.Path)
	}
	return w.Flush()
}
