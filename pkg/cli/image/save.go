package image

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/outfile"
	"github.com/nerd-cli/nerd/pkg/image"
)

// SaveOptions are the inputs of "nerd save".
type SaveOptions struct {
	Factory *factory.Factory

	Refs      []string
	Output    string // file; empty: standard output
	Platforms []string
	All       bool
}

// NewCmdSave makes "nerd save".
func NewCmdSave(f *factory.Factory, runF func(context.Context, *SaveOptions) error) *cobra.Command {
	o := &SaveOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "save [OPTIONS] IMAGE [IMAGE...]",
		Short:                 "Save one or more images to a tar archive (streamed to STDOUT by default)",
		Args:                  flagx.MinArgs(1),
		Annotations:           map[string]string{aliases: "nerd image save, nerd save"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Images(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Refs = args
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runSave(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "", "Write to a file, instead of STDOUT")
	flags.StringSliceVar(&o.Platforms, "platform", nil, `Save only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")`)
	cmd.Flags().BoolVar(&o.All, "all-platforms", false, "Fail if a platform of an image is not here, instead of saving the others")
	return cmd
}

func runSave(ctx context.Context, o *SaveOptions) error {
	platforms, err := choosePlatforms(o.Platforms, o.All)
	if err != nil {
		return err
	}
	if o.Output == "" && o.Factory.IO.OutIsTerminal() {
		return errors.New("cowardly refusing to save to a terminal: use the -o flag or redirect")
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		return client.Images.Save(ctx, o.Refs, w, image.SaveOptions{Platforms: platforms, AllPlatforms: o.All})
	}
	if o.Output == "" {
		return write(o.Factory.IO.Out)
	}
	return outfile.Write(o.Output, write)
}
