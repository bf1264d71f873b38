package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/cli/progress"
	"github.com/nerd-cli/nerd/pkg/image"
)

// ConvertOptions are the inputs of "nerd image convert".
type ConvertOptions struct {
	Factory *factory.Factory

	Source, Target string
	To             imagetools.Conversion // of a kind that is empty if the layers stay
	OCI            bool
	Platforms      []string
	AllPlatforms   bool
	Format         string
}

// NewCmdConvert makes "nerd image convert".
func NewCmdConvert(f *factory.Factory, runF func(context.Context, *ConvertOptions) error) *cobra.Command {
	o := &ConvertOptions{Factory: f}
	kinds := conversionFlags{}
	cmd := &cobra.Command{
		Use:                   "convert [OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
		Short:                 "Convert an image: its layers, its format, or to fewer platforms",
		Long:                  "Make an image of another with layers of another kind, and name it. The new image has this\nmachine's platform, or those that are asked for.",
		Example:               "  nerd image convert --estargz --oci app registry.example.com/app:esgz\n  nerd image convert --zstd --all-platforms app app:zstd",
		Args:                  flagx.ExactArgs(2),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source, o.Target = args[0], args[1]
			if err := flagx.Refused(cmd.Flags(), "image convert"); err != nil {
				return err
			}
			var err error
			if o.To, err = kinds.chosen(); err != nil {
				return flagx.FlagError(cmd, err)
			}
			if o.To.Kind == "" && !o.OCI && len(o.Platforms) == 0 {
				return flagx.FlagError(cmd, errors.New("nothing to convert to: give --estargz, --zstd, --zstdchunked, --erofs, --uncompress, --oci or --platform"))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runConvert(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	kinds.register(flags)
	flags.BoolVar(&o.OCI, "oci", false, "Convert Docker's media types to OCI's")
	addPlatforms(flags, &o.Platforms, &o.AllPlatforms)
	flags.StringVar(&o.Format, "format", "", "Print the result using the given Go template, or 'json'")
	return cmd
}

func runConvert(ctx context.Context, o *ConvertOptions) error {
	rewrite, err := o.rewrite()
	if err != nil {
		return err
	}
	if o.To.Kind != "" {
		tools := o.Factory.ImageTools
		if tools == nil {
			return runCompanion(o.Factory)
		}
		layers, err := tools.Convert(ctx, o.To)
		if err != nil {
			return err
		}
		rewrite.Layer, rewrite.OSFeature = layers.Make, layers.Feature
	}
	return rewriteShown(ctx, o.Factory, o.Source, rewrite, o.Format)
}

func (o *ConvertOptions) rewrite() (image.RewriteOptions, error) {
	out := image.RewriteOptions{Work: "convert", Name: o.Target, AllPlatforms: o.AllPlatforms, OCI: o.OCI}
	var err error
	out.Platforms, err = choosePlatforms(o.Platforms, o.AllPlatforms)
	return out, err
}

// rewriteShown makes an image of another, and prints what came of it.
func rewriteShown(ctx context.Context, f *factory.Factory, source string, opts image.RewriteOptions, template string) error {
	var out *format.Inspector
	if template != "" {
		inspector, err := format.NewInspector(f.IO.Out, template)
		if err != nil {
			return err
		}
		out = inspector
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	printer := progress.Quiet()
	if f.IO.ErrIsTerminal() {
		printer = newPrinter(f.IO)
	}
	opts.Progress = show(printer)
	made, err := client.Images.Rewrite(ctx, source, opts)
	printer.Close()
	if err != nil {
		return err
	}
	if template != "" {
		return errors.Join(out.Add(struct{ Image, Digest string }{made.Name, made.ID.String()}), out.Flush())
	}
	_, err = fmt.Fprintln(f.IO.Out, made.ID)
	return err
}
