package container

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/container"
)

// ListOptions are the inputs of `ps`.
type ListOptions struct {
	Base
	List    container.ListOptions
	Quiet   bool
	NoTrunc bool
	Format  string
}

// NewCmdList makes `container ls`, which is `ps` at the top.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Base: newBase(f)}
	if runF == nil {
		runF = runList
	}
	var latest bool
	filters := flagx.NewFilters()
	cmd := also(verb("ls [OPTIONS]", "List containers", flagx.NoArgs), "nerd container ls, nerd container list, nerd container ps, nerd ps")
	cmd.Aliases = []string{"ps", "list"}
	cmd.Example = "  nerd ps --all\n  nerd ps --filter status=exited --format '{{.Names}}: {{.Status}}'"
	cmd.ValidArgsFunction = complete.None
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if latest && o.List.Limit <= 0 {
			o.List.Limit = 1
		}
		o.List.Limit = max(o.List.Limit, 0)
		o.List.Filters = filters.Map()
		o.List.Size = o.List.Size || format.UsesField(o.Format, "Size") && !o.Quiet
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.List.All, "all", "a", false, "Show the containers that do not run as well")
	fs.VarP(&filters, "filter", "f", "Show what fulfils a condition, KEY=VALUE")
	fs.StringVar(&o.Format, "format", "", format.Usage)
	fs.IntVarP(&o.List.Limit, "last", "n", -1, "Show the last N containers that were created, whatever their state")
	fs.BoolVarP(&latest, "latest", "l", false, "Show the container that was created last, whatever its state")
	fs.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten anything")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Print ids only")
	fs.BoolVarP(&o.List.Size, "size", "s", false, "Show how much each container takes on disk")
	return cmd
}

func runList(ctx context.Context, o *ListOptions) error {
	if o.Quiet && o.Format != "" {
		fmt.Fprintln(o.IO.Err, "WARNING: Ignoring custom format, because both --format and --quiet are set.")
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	list, err := s.List(ctx, o.List)
	if err != nil {
		return err
	}
	return format.Containers(o.IO.Out, formatter.NewContainerFormat(o.Format, o.Quiet, o.List.Size), o.NoTrunc, list)
}
