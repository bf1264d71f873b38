package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// PruneOptions are the inputs of `volume prune`.
type PruneOptions struct {
	Base
	All    bool
	Force  bool
	Filter flagx.Filters
}

// NewCmdPrune makes `volume prune`.
func NewCmdPrune(f *factory.Factory, runF func(context.Context, *PruneOptions) error) *cobra.Command {
	o := &PruneOptions{Base: newBase(f), Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runPrune
	}
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove unused local volumes",
		Example:               "  nerd volume prune\n  nerd volume prune --all --force --filter label!=keep",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.All, "all", "a", false, "Remove named volumes too, not just anonymous ones")
	fs.BoolVarP(&o.Force, "force", "f", false, "Do not ask")
	fs.Var(&o.Filter, "filter", "Only those that match: label=, label!=")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("label=", "label!="))
	return cmd
}

// What is asked before volumes are removed.
const (
	askAnonymous = "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue?"
	askAll       = "WARNING! This will remove all local volumes not used by at least one container.\nAre you sure you want to continue?"
)

func runPrune(ctx context.Context, o *PruneOptions) error {
	filters, question := o.Filter.Map(), askAnonymous
	if o.All {
		if _, both := filters["all"]; both {
			return errors.New("conflicting options: cannot specify both --all and --filter all=1")
		}
		if filters == nil {
			filters = map[string][]string{}
		}
		filters["all"], question = []string{"true"}, askAll
	}
	if !o.Force {
		if yes, err := o.IO.Confirm(ctx, question); err != nil || !yes {
			return err
		}
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	rep, err := s.Prune(ctx, volume.PruneOptions{Filters: filters})
	if err != nil && len(rep.Deleted) == 0 {
		return err
	}
	return errors.Join(o.report(rep), err)
}

func (o *PruneOptions) report(rep volume.PruneReport) error {
	text := ""
	if len(rep.Deleted) > 0 {
		text = "Deleted Volumes:\n"
		for _, name := range rep.Deleted {
			text += name + "\n"
		}
		text += "\n"
	}
	_, err := fmt.Fprintf(o.IO.Out, "%sTotal reclaimed space: %s\n", text, units.HumanSize(float64(rep.Reclaimed)))
	return err
}
