package build

import (
	"errors"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// PruneOptions are the inputs of "nerd builder prune".
type PruneOptions struct {
	Factory *factory.Factory

	All, Force bool
	Host       string
	Filter     flagx.Filters
	Keep       opts.MemBytes
	MaxUsed    opts.MemBytes // all that the cache may take
	MinFree    opts.MemBytes // of the disk
	Verbose    bool
}

// NewCmdPrune makes "nerd builder prune".
func NewCmdPrune(f *factory.Factory, r Runner) *cobra.Command {
	o := &PruneOptions{Factory: f, Filter: flagx.NewFilters()}
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove build cache",
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{aliases: "nerd builder prune, nerd buildx prune"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Keep < 0 || o.MaxUsed < 0 || o.MinFree < 0 {
				return errors.New("invalid size: it is negative")
			}
			if r == nil {
				return runCompanion(f)
			}
			return r.Prune(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	hostFlag(flags, &o.Host)
	flags.BoolVarP(&o.All, "all", "a", false, "Remove all unused build cache, not just dangling ones")
	flags.Var(&o.Filter, "filter", `Provide filter values (e.g. "until=24h")`)
	flags.BoolVarP(&o.Force, "force", "f", false, "Do not prompt for confirmation")
	flags.Var(&o.Keep, "keep-storage", "Amount of disk space to keep for cache")
	flags.Var(&o.Keep, "reserved-space", "Amount of disk space always allowed to keep for cache")
	flags.Var(&o.MaxUsed, "max-used-space", "Maximum amount of disk space allowed to keep for cache")
	flags.Var(&o.MinFree, "min-free-space", "Target amount of free disk space after pruning")
	flags.BoolVar(&o.Verbose, "verbose", false, "Provide a more verbose output")
	return cmd
}

// UsageOptions are the inputs of "nerd builder du".
type UsageOptions struct {
	Factory *factory.Factory

	Filter  flagx.Filters
	Host    string
	Verbose bool
}

// NewCmdDiskUsage makes "nerd builder du".
func NewCmdDiskUsage(f *factory.Factory, r Runner) *cobra.Command {
	o := &UsageOptions{Factory: f, Filter: flagx.NewFilters()}
	cmd := &cobra.Command{
		Use:                   "du [OPTIONS]",
		Short:                 "Show what the build cache takes on disk",
		Args:                  flagx.NoArgs,
		Annotations:           map[string]string{aliases: "nerd builder du, nerd buildx du"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r == nil {
				return runCompanion(f)
			}
			return r.DiskUsage(cmd.Context(), o)
		},
	}
	hostFlag(cmd.Flags(), &o.Host)
	cmd.Flags().Var(&o.Filter, "filter", "Provide filter values")
	cmd.Flags().BoolVar(&o.Verbose, "verbose", false, "Provide a more verbose output")
	return cmd
}
