// Package volume is the commands on volumes, one file per verb.
package volume

import (
	"context"

	apivolume "github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// Service is what the verbs need of the domain.
type Service interface {
	Create(context.Context, volume.CreateOptions) (apivolume.Volume, error)
	Inspect(ctx context.Context, name string, size bool) (apivolume.Volume, error)
	List(context.Context, volume.ListOptions) ([]apivolume.Volume, error)
	Remove(ctx context.Context, name string, force bool) error
	Prune(context.Context, volume.PruneOptions) (volume.PruneReport, error)
}

// Base is what the options of every verb begin with.
type Base struct {
	IO      *iostreams.IOStreams
	Service func(context.Context) (Service, error)
}

func newBase(f *factory.Factory) Base {
	return Base{IO: f.IO, Service: func(ctx context.Context) (Service, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Volumes, nil
	}}
}

// NewCmdVolume makes the group.
func NewCmdVolume(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "volume COMMAND",
		Short:                 "Manage volumes",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdCreate(f, nil), NewCmdInspect(f, nil), NewCmdList(f, nil), NewCmdPrune(f, nil), NewCmdRemove(f, nil), NewCmdUpdate(f))
	return cmd
}

// NewCmdUpdate makes `volume update`, which Docker has for cluster volumes alone.
func NewCmdUpdate(_ *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "update [OPTIONS] VOLUME", Short: "Update a volume (cluster volumes only: refused)", Args: flagx.ExactArgs(1),
		DisableFlagsInUseLine: true, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flagx.FlagError(cmd, flagx.Unsupported("updating a volume is", "it is for the cluster volumes of a swarm, and nerd works on one machine"))
		},
	}
	cmd.Flags().String("availability", "active", "Availability of a cluster volume (refused)")
	return cmd
}
