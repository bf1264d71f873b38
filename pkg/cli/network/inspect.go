package network

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// InspectOptions are the inputs of `network inspect`.
type InspectOptions struct {
	Base
	Names   []string
	Format  string
	Verbose bool // for the services of a swarm: nothing is left out without it
}

// NewCmdInspect makes `network inspect`.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := verb("inspect [OPTIONS] NETWORK [NETWORK...]", "Display detailed information on one or more networks",
		"  nerd network inspect web\n  nerd network inspect --format '{{range .Containers}}{{.Name}} {{end}}' web", flagx.MinArgs(1))
	cmd.ValidArgsFunction = complete.Networks(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "Print all there is, which is done without it too")
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
		n, err := s.Inspect(ctx, name)
		if err == nil {
			err = out.Add(n)
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
