// Package checkpoint is the commands on saved states of containers, one file per verb.
package checkpoint

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

// Service is what the verbs need of the domain.
type Service interface {
	CreateCheckpoint(ctx context.Context, ref string, cp container.Checkpoint, leave bool) error
	Checkpoints(ctx context.Context, ref, dir string) ([]string, error)
	RemoveCheckpoint(ctx context.Context, ref string, cp container.Checkpoint) error
}

// Options are the inputs of every verb.
type Options struct {
	IO      *iostreams.IOStreams
	Service func(context.Context) (Service, error)

	Container    string
	Checkpoint   container.Checkpoint // List uses its folder alone
	LeaveRunning bool                 // of create
}

// NewCmdCheckpoint makes the group.
func NewCmdCheckpoint(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint COMMAND",
		Short: "Manage checkpoints",
		Long: `Save the processes of a container on disk, and later let them go on where they
were with 'nerd start --checkpoint'. CRIU does the work, version 4.2 or newer.`,
		Args: flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		DisableFlagsInUseLine: true,
	}
	cmd.AddCommand(NewCmdCreate(f, nil), NewCmdList(f, nil), NewCmdRemove(f, nil))
	return cmd
}

// newCommand makes a verb that takes a container and, if args is 2, a checkpoint.
func newCommand(f *factory.Factory, use, short string, args int, run func(context.Context, *Options) error) (*cobra.Command, *Options) {
	o := &Options{IO: f.IO, Service: func(ctx context.Context) (Service, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Containers, nil
	}}
	cmd := &cobra.Command{Use: use, Short: short, Args: flagx.ExactArgs(args), DisableFlagsInUseLine: true}
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		o.Container = words[0]
		if args == 2 {
			o.Checkpoint.Name = words[1]
		}
		return run(cmd.Context(), o)
	}
	cmd.Flags().StringVar(&o.Checkpoint.Dir, "checkpoint-dir", "", "Folder of the checkpoints, instead of the container's own")
	return cmd, o
}
