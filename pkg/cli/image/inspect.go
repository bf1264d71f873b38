package image

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// InspectOptions are the inputs of "nerd image inspect".
type InspectOptions struct {
	Factory *factory.Factory

	Refs     []string
	Format   string
	Platform string
	Mode     string // dockercompat or native
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
			if o.Mode != modeDocker && o.Mode != modeNative {
				return flagx.FlagError(cmd, fmt.Errorf("invalid --mode %q: %s or %s is expected", o.Mode, modeDocker, modeNative))
			}
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
	flags.StringVar(&o.Mode, "mode", modeDocker, `What is shown: "dockercompat", as Docker does, or "native", as containerd keeps it`)
	return cmd
}

// Modes of inspection.
const (
	modeDocker = "dockercompat"
	modeNative = "native"
)

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
		img, err := inspect(ctx, client, ref, platform, o.Mode)
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

func inspect(ctx context.Context, client *nerd.Client, ref string, platform *ocispec.Platform, mode string) (any, error) {
	if mode == modeNative {
		return client.Images.InspectNative(ctx, ref, platform)
	}
	return client.Images.Inspect(ctx, ref, platform)
}
