package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// PruneOptions are the inputs of `network prune`.
type PruneOptions struct {
	Base
	Force  bool
	Filter flagx.Filters
}

// NewCmdPrune makes `network prune`.
func NewCmdPrune(f *factory.Factory, runF func(context.Context, *PruneOptions) error) *cobra.Command {
	o := &PruneOptions{Base: newBase(f), Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runPrune
	}
	cmd := verb("prune [OPTIONS]", "Remove all unused networks", "  nerd network prune --force --filter until=24h", flagx.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) }
	fs := cmd.Flags()
	fs.BoolVarP(&o.Force, "force", "f", false, "Do not ask")
	fs.Var(&o.Filter, "filter", "Only those that match: until=, label=, label!=")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("until=", "label=", "label!="))
	return cmd
}

const askPrune = "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?"

// pruneFilter reads the filters.
func pruneFilter(filters map[string][]string, now time.Time) (netutil.PruneOptions, error) {
	var out netutil.PruneOptions
	for _, key := range slices.Sorted(maps.Keys(filters)) {
		values := filters[key]
		switch key {
		case "label":
			out.Labels = values
		case "label!":
			out.NotLabels = values
		case "until":
			if len(values) > 1 {
				return out, errors.New("more than one until filter specified")
			}
			t, err := flagx.ParseTime(values[0], now)
			if err != nil {
				return out, err
			}
			out.Until = t
		default:
			return out, fmt.Errorf("invalid filter '%s'", key)
		}
	}
	return out, nil
}

func runPrune(ctx context.Context, o *PruneOptions) error {
	filter, err := pruneFilter(o.Filter.Map(), time.Now())
	if err != nil {
		return err
	}
	if !o.Force {
		if yes, err := o.IO.Confirm(ctx, askPrune); err != nil || !yes {
			return err
		}
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	gone, err := s.Prune(ctx, filter)
	if len(gone) == 0 {
		return err
	}
	text := "Deleted Networks:\n"
	for _, name := range gone {
		text += name + "\n"
	}
	_, werr := fmt.Fprintln(o.IO.Out, text)
	return errors.Join(err, werr)
}
