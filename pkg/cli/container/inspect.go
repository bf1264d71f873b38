package container

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// InspectOptions are the inputs of `container inspect`.
type InspectOptions struct {
	Base
	Names   []string
	Format  string
	Inspect container.InspectOptions
}

// NewCmdInspect makes `container inspect`.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := verb("inspect [OPTIONS] CONTAINER [CONTAINER...]", "Display detailed information on one or more containers", flagx.MinArgs(1))
	cmd.Example = "  nerd container inspect web\n  nerd container inspect --format '{{.State.Status}}' web"
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	cmd.Flags().BoolVarP(&o.Inspect.Size, "size", "s", false, "Show how much the container takes on disk")
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
		c, err := s.Inspect(ctx, name, o.Inspect)
		if err == nil {
			err = out.Add(format.Inspect(c))
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, err := range failed {
		o.IO.PrintError(err)
	}
	if len(failed) > 0 {
		return &errs.Exit{Code: 1}
	}
	return nil
}
