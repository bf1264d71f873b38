package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/progress"
	"github.com/nerd-cli/nerd/pkg/image"
)

// LoadOptions are the inputs of "nerd load".
type LoadOptions struct {
	Factory *factory.Factory

	Input      string // file; empty or "-": standard input
	Quiet      bool
	Platforms  []string
	All        bool
	Kubernetes bool
}

// NewCmdLoad makes "nerd load".
func NewCmdLoad(f *factory.Factory, runF func(context.Context, *LoadOptions) error) *cobra.Command {
	o := &LoadOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "load [OPTIONS]",
		Short:                 "Load an image from a tar archive or STDIN",
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{aliases: "nerd image load, nerd load"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runLoad(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Input, "input", "i", "", "Read from tar archive file, instead of STDIN")
	flags.StringSliceVar(&o.Platforms, "platform", nil, `Load only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8").`)
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress the load output")
	flags.BoolVar(&o.All, "all-platforms", false, "Fail if a platform of an image is not in the archive, instead of loading the others")
	addKubernetes(flags, &o.Kubernetes)
	return cmd
}

func runLoad(ctx context.Context, o *LoadOptions) error {
	streams := o.Factory.IO
	platforms, err := choosePlatforms(o.Platforms, o.All)
	if err != nil {
		return err
	}
	var input io.Reader = streams.In //nolint:staticcheck // a file takes its place below
	if o.Input != "" && o.Input != "-" {
		file, err := os.Open(o.Input)
		if err != nil {
			return err
		}
		defer file.Close()
		input = file
	} else if streams.InIsTerminal() {
		return errors.New("requested load from stdin, but stdin is empty: give a file with -i, or redirect")
	}
	client, err := kubernetesClient(ctx, o.Factory, o.Kubernetes)
	if err != nil {
		return err
	}
	printer := progress.Quiet()
	if !o.Quiet && streams.ErrIsTerminal() {
		printer = newPrinter(streams)
	}
	loaded, err := client.Images.Load(ctx, input, image.LoadOptions{Platforms: platforms, AllPlatforms: o.All, Progress: show(printer)})
	printer.Close()
	if err != nil {
		return err
	}
	for _, l := range loaded {
		line := "Loaded image: " + l.Name
		if l.Name == "" {
			line = "Loaded image ID: " + l.ID.String()
		}
		if _, err := fmt.Fprintln(streams.Out, line); err != nil {
			return err
		}
	}
	return nil
}
