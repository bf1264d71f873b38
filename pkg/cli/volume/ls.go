package volume

import (
	"context"
	"slices"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/fvbommel/sortorder"
	apivolume "github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// ListOptions are the inputs of `volume ls`.
type ListOptions struct {
	Base
	Quiet  bool
	Size   bool
	Format string
	Filter flagx.Filters
}

// sizeTable is the table with nerdctl's --size.
const sizeTable = "table {{.Driver}}\t{{.Name}}\t{{.Size}}"

// NewCmdList makes `volume ls`.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Base: newBase(f), Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runList
	}
	cmd := &cobra.Command{
		Use:                   "ls [OPTIONS]",
		Aliases:               []string{"list"},
		Short:                 "List volumes",
		Example:               "  nerd volume ls\n  nerd volume ls --filter dangling=true --format '{{.Name}} {{.Mountpoint}}'",
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{"aliases": "nerd volume ls, nerd volume list"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flagx.Refused(cmd.Flags(), "volume ls"); err != nil {
				return flagx.FlagError(cmd, err)
			}
			return runF(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Only show the names")
	fs.BoolVarP(&o.Size, "size", "s", false, "Show what each takes on disk")
	fs.StringVar(&o.Format, "format", "", format.Usage)
	fs.VarP(&o.Filter, "filter", "f", "Only those that match: dangling=true|false, driver=, label=, name=, size=")
	fs.Bool("cluster", false, "Show only cluster volumes (refused)")
	_ = fs.MarkHidden("cluster")
	_ = cmd.RegisterFlagCompletionFunc("filter", complete.Words("dangling=", "driver=", "label=", "name=", "size="))
	return cmd
}

func runList(ctx context.Context, o *ListOptions) error {
	layout := o.Format
	switch {
	case layout == "" && o.Size && !o.Quiet:
		layout = sizeTable
	case layout == "":
		layout = formatter.TableFormatKey
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	list, err := s.List(ctx, volume.ListOptions{Filters: o.Filter.Map(), Size: o.Size})
	if err != nil {
		return err
	}
	for i := range list {
		if u := list[i].UsageData; u != nil && u.Size < 0 { // what its options mount is not nerd's to measure
			list[i].UsageData = nil
		}
	}
	slices.SortFunc(list, func(a, b apivolume.Volume) int {
		if sortorder.NaturalLess(a.Name, b.Name) {
			return -1
		}
		return 1
	})
	return formatter.VolumeWrite(formatter.Context{Output: o.IO.Out, Format: formatter.NewVolumeFormat(layout, o.Quiet)}, list)
}
