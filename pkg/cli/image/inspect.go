package image

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
)

// InspectOptions are the inputs of "nerd image inspect".
type InspectOptions struct {
	Factory *factory.Factory

	Refs     []string
	Format   string
	Platform string
}

// NewCmdInspect makes "nerd image inspect".
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "inspect [OPTIONS] IMAGE [IMAGE...]",
		Short:                 "Display detailed information on one or more images",
		Args:                  flagx.MinArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runInspect(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Format, "format", "f", "", `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.`)
	flags.StringVar(&o.Platform, "platform", "", `Inspect a specific platform of the multi-platform image.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`)
	return cmd
}

func runInspect(ctx context.Context, o *InspectOptions) error {
	platform, err := parsePlatform(o.Platform)
	if err != nil {
		return err
	}
	out, err := format.NewInspector(o.Factory.IO.Out, o.Format)
	if err != nil {
		return err
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, ref := range o.Refs {
		img, err := client.Images.Inspect(ctx, ref, platform)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if err := out.Add(img); err != nil {
			return err
		}
	}
	return errors.Join(append(failed, out.Flush())...)
}
