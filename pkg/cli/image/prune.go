package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/go-units"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// PruneOptions are the inputs of "nerd image prune".
type PruneOptions struct {
	Factory *factory.Factory

	All    bool
	Force  bool
	Filter flagx.Filters
}

// What is asked before images are removed.
const (
	askDangling = "WARNING! This will remove all dangling images.\nAre you sure you want to continue?"
	askUnused   = "WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?"
)

// NewCmdPrune makes "nerd image prune".
func NewCmdPrune(f *factory.Factory, runF func(context.Context, *PruneOptions) error) *cobra.Command {
	o := &PruneOptions{Factory: f, Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runPrune
	}
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove unused images",
		Example:               "  nerd image prune\n  nerd image prune --all --force --filter until=240h",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "Remove all unused images, not just dangling ones")
	flags.BoolVarP(&o.Force, "force", "f", false, "Do not ask")
	flags.Var(&o.Filter, "filter", "Only those that match: dangling=, until=, label=, label!=")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("dangling=", "until=", "label=", "label!="))
	return cmd
}

func runPrune(ctx context.Context, o *PruneOptions) error {
	if !o.Force {
		question := askDangling
		if o.All {
			question = askUnused
		}
		if yes, err := o.Factory.IO.Confirm(ctx, question); err != nil || !yes {
			return err
		}
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	rep, err := client.Images.Prune(ctx, image.PruneOptions{All: o.All, Filters: o.Filter.Map()})
	if err != nil && len(rep.ImagesDeleted) == 0 {
		return err
	}
	_, werr := fmt.Fprintf(o.Factory.IO.Out, "%sTotal reclaimed space: %s\n", PruneText(rep), units.HumanSize(float64(rep.SpaceReclaimed)))
	return errors.Join(err, werr)
}

// PruneText lists what was removed, as Docker does; empty if that is nothing.
func PruneText(rep apiimage.PruneReport) string {
	if len(rep.ImagesDeleted) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString("Deleted Images:\n")
	for _, d := range rep.ImagesDeleted {
		if d.Untagged != "" {
			out.WriteString("untagged: " + d.Untagged + "\n")
			continue
		}
		out.WriteString("deleted: " + d.Deleted + "\n")
	}
	out.WriteString("\n")
	return out.String()
}
