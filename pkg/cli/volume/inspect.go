package volume

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
)

// InspectOptions are the inputs of `volume inspect`.
type InspectOptions struct {
	Base
	Names  []string
	Format string
	Size   bool
}

// NewCmdInspect makes `volume inspect`.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := &cobra.Command{
		Use:                   "inspect [OPTIONS] VOLUME [VOLUME...]",
		Short:                 "Display detailed information on one or more volumes",
		Example:               "  nerd volume inspect data\n  nerd volume inspect --format '{{.Mountpoint}}' data",
		Args:                  flagx.MinArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Volumes(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	fs.BoolVarP(&o.Size, "size", "s", false, "Show what it takes on disk")
	return cmd
}

func runInspect(ctx context.Context, o *InspectOptions) error {
	out, err := format.NewInspector(o.IO.Out, o.Format)
	if err != nil {
		return err
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range o.Names {
		v, err := s.Inspect(ctx, name, o.Size)
		if err == nil {
			err = out.Add(v)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(append([]error{out.Flush()}, failed...)...)
}
