package network

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
)

// ListOptions are the inputs of `network ls`.
type ListOptions struct {
	Base
	Filter  flagx.Filters
	Format  string
	Quiet   bool
	NoTrunc bool
}

// NewCmdList makes `network ls`.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Base: newBase(f), Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runList
	}
	cmd := verb("ls [OPTIONS]", "List networks", "  nerd network ls\n  nerd network ls --filter driver=macvlan --format '{{.Name}}'", flagx.NoArgs)
	cmd.Aliases = []string{"list"}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) }
	fs := cmd.Flags()
	fs.VarP(&o.Filter, "filter", "f", "Only those that match: dangling, driver, id, label, name, scope, type")
	fs.StringVar(&o.Format, "format", "", format.Usage)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Print ids only")
	fs.BoolVar(&o.NoTrunc, "no-trunc", false, "Print whole ids")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("dangling=", "driver=", "id=", "label=", "name=", "scope=local", "type=builtin", "type=custom"))
	return cmd
}

func runList(ctx context.Context, o *ListOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	list, err := s.List(ctx, o.Filter.Map())
	if err != nil {
		return err
	}
	for _, err := range s.Broken(ctx) {
		o.IO.PrintError(err)
	}
	return format.Networks(o.IO.Out, format.NetworkLayout(o.Format, o.Quiet), o.NoTrunc, list)
}
