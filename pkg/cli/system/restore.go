package system

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// RestoreOptions are the inputs of `system restore`.
type RestoreOptions struct {
	IO      *iostreams.IOStreams
	Restore func(context.Context) ([]string, error)
}

// NewCmdRestore makes `system restore`.
func NewCmdRestore(f *factory.Factory, runF func(context.Context, *RestoreOptions) error) *cobra.Command {
	o := &RestoreOptions{IO: f.IO, Restore: func(ctx context.Context) ([]string, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Containers.Restore(ctx)
	}}
	if runF == nil {
		runF = runRestore
	}
	return &cobra.Command{
		Use:   "restore",
		Short: "Start the containers again that a reboot has ended",
		Long: "Start the containers again that a reboot has ended, as their restart policies say.\n" +
			"It prints the name of each. A container that was stopped by hand stays stopped.",
		Example:               "  nerd system restore",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
}

func runRestore(ctx context.Context, o *RestoreOptions) error {
	names, err := o.Restore(ctx)
	for _, name := range names {
		if _, err := fmt.Fprintln(o.IO.Out, name); err != nil {
			return err
		}
	}
	return err
}
