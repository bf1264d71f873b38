package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	cliimage "github.com/nerd-cli/nerd/pkg/cli/image"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// PruneOptions are the inputs of `system prune`.
type PruneOptions struct {
	IO      *iostreams.IOStreams
	Client  func(context.Context) (*nerd.Client, error)
	All     bool
	Volumes bool
	Force   bool
	Filter  flagx.Filters
}

// NewCmdPrune makes `system prune`.
func NewCmdPrune(f *factory.Factory, runF func(context.Context, *PruneOptions) error) *cobra.Command {
	o := &PruneOptions{IO: f.IO, Client: f.Client, Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runPrune
	}
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove unused data",
		Example:               "  nerd system prune\n  nerd system prune --all --volumes --force",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.All, "all", "a", false, "Remove all unused images, not just dangling ones")
	fs.BoolVar(&o.Volumes, "volumes", false, "Remove anonymous volumes too")
	fs.BoolVarP(&o.Force, "force", "f", false, "Do not ask")
	fs.Var(&o.Filter, "filter", "Only what matches: until=, label=, label!=")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("until=", "label=", "label!="))
	return cmd
}

// question lists what would be removed, in Docker's words.
func (o *PruneOptions) question() string {
	images, cache := "all dangling images", "unused build cache"
	if o.All {
		images, cache = "all images without at least one container associated to them", "all build cache"
	}
	lines := []string{"all stopped containers", "all networks not used by at least one container"}
	if o.Volumes {
		lines = append(lines, "all anonymous volumes not used by at least one container")
	}
	text := "WARNING! This will remove:\n"
	for _, line := range append(lines, images, cache) {
		text += "  - " + line + "\n"
	}
	var filters []string
	for key, values := range o.Filter.Map() {
		for _, v := range values {
			filters = append(filters, "  - "+key+"="+v+"\n")
		}
	}
	if slices.Sort(filters); len(filters) > 0 {
		text += "\n  Items to be pruned will be filtered with:\n" + strings.Join(filters, "")
	}
	return text + "\nAre you sure you want to continue?"
}

// pruner removes one kind of object and tells what it removed.
type pruner func(ctx context.Context, c *nerd.Client) (text string, reclaimed uint64, err error)

func (o *PruneOptions) pruners() ([]pruner, error) {
	filters := o.Filter.Map()
	var until time.Time
	for key, values := range filters {
		switch key {
		case "label", "label!":
		case "until":
			if o.Volumes {
				return nil, errors.New(`ERROR: The "until" filter is not supported with "--volumes"`)
			}
			if len(values) > 1 {
				return nil, errors.New("more than one until filter specified")
			}
			var err error
			if until, err = flagx.ParseTime(values[0], time.Now()); err != nil {
				return nil, fmt.Errorf("filter until: %w", err)
			}
		default:
			return nil, fmt.Errorf("invalid filter '%s'", key)
		}
	}
	all := []pruner{
		func(ctx context.Context, c *nerd.Client) (string, uint64, error) {
			rep, err := c.Containers.Prune(ctx, container.PruneOptions{Until: until, Labels: filters["label"], NotLabels: filters["label!"]})
			return listing("Deleted Containers:", rep.ContainersDeleted), rep.SpaceReclaimed, err
		},
		func(ctx context.Context, c *nerd.Client) (string, uint64, error) {
			gone, err := c.PruneNetworks(ctx, until, filters["label"], filters["label!"])
			return listing("Deleted Networks:", gone), 0, err
		},
	}
	if o.Volumes {
		all = append(all, func(ctx context.Context, c *nerd.Client) (string, uint64, error) {
			rep, err := c.Volumes.Prune(ctx, volume.PruneOptions{Filters: filters})
			return listing("Deleted Volumes:", rep.Deleted), rep.Reclaimed, err
		})
	}
	return append(all, func(ctx context.Context, c *nerd.Client) (string, uint64, error) {
		rep, err := c.Images.Prune(ctx, image.PruneOptions{All: o.All, Filters: filters})
		return cliimage.PruneText(rep), rep.SpaceReclaimed, err
	}), nil
}

func listing(head string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return head + "\n" + strings.Join(names, "\n") + "\n\n"
}

// runPrune prunes containers first, as they keep the rest in use. What cannot be
// removed of one kind does not keep the others.
func runPrune(ctx context.Context, o *PruneOptions) error {
	all, err := o.pruners()
	if err != nil {
		return err
	}
	if !o.Force {
		if yes, err := o.IO.Confirm(ctx, o.question()); err != nil || !yes {
			return err
		}
	}
	c, err := o.Client(ctx)
	if err != nil {
		return err
	}
	var total uint64
	var failed []error
	for _, prune := range all {
		text, reclaimed, err := prune(ctx, c)
		total += reclaimed
		failed = append(failed, err)
		if _, err := io.WriteString(o.IO.Out, text); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(o.IO.Out, "Total reclaimed space: %s\n", units.HumanSize(float64(total)))
	return errors.Join(append(failed, err)...)
}
