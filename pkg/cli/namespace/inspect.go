package namespace

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
)

// InspectOptions are the inputs of `namespace inspect`.
type InspectOptions struct {
	Base
	Names  []string
	Format string
}

// NewCmdInspect makes `namespace inspect`.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := &cobra.Command{
		Use: "inspect [OPTIONS] NAMESPACE [NAMESPACE...]", Short: "Display detailed information on one or more namespaces",
		Args: flagx.MinArgs(1), DisableFlagsInUseLine: true, ValidArgsFunction: names(o.Base),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	return cmd
}

func runInspect(ctx context.Context, o *InspectOptions) error {
	in, err := format.NewInspector(o.IO.Out, o.Format)
	if err != nil {
		return err
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range o.Names {
		n, err := s.Get(ctx, name)
		if err == nil {
			err = in.Add(n)
		}
		failed = errors.Join(failed, err)
	}
	return errors.Join(in.Flush(), failed)
}
