package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// PruneOptions are the inputs of `container prune`.
type PruneOptions struct {
	Base
	Force bool
	Prune container.PruneOptions
}

const askPrune = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?"

// NewCmdPrune makes `container prune`.
func NewCmdPrune(f *factory.Factory, runF func(context.Context, *PruneOptions) error) *cobra.Command {
	o := &PruneOptions{Base: newBase(f)}
	if runF == nil {
		runF = runPrune
	}
	filters := flagx.NewFilters()
	cmd := also(verb("prune [OPTIONS]", "Remove all stopped containers", flagx.NoArgs), "nerd container prune")
	cmd.Example = "  nerd container prune\n  nerd container prune --force --filter until=24h --filter label!=keep"
	cmd.ValidArgsFunction = complete.None
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if o.Prune, err = pruneFilter(filters.Map(), time.Now()); err != nil {
			return err
		}
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Force, "force", "f", false, "Do not ask")
	fs.Var(&filters, "filter", "Remove only what fulfils a condition: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("until=", "label=", "label!="))
	return cmd
}

func pruneFilter(filters map[string][]string, now time.Time) (container.PruneOptions, error) {
	var out container.PruneOptions
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
				return out, fmt.Errorf("filter until: %w", err)
			}
			out.Until = t
		default:
			return out, fmt.Errorf("invalid filter '%s'", key)
		}
	}
	return out, nil
}

func runPrune(ctx context.Context, o *PruneOptions) error {
	if !o.Force {
		if yes, err := o.IO.Confirm(ctx, askPrune); err != nil || !yes {
			return err
		}
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	report, err := s.Prune(ctx, o.Prune)
	var out strings.Builder
	if len(report.ContainersDeleted) > 0 {
		out.WriteString("Deleted Containers:\n" + strings.Join(report.ContainersDeleted, "\n") + "\n\n")
	}
	fmt.Fprintf(&out, "Total reclaimed space: %s\n", units.HumanSize(float64(report.SpaceReclaimed)))
	_, werr := fmt.Fprint(o.IO.Out, out.String())
	return errors.Join(err, werr)
}
