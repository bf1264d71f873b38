package system

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// RepairOptions are the inputs of `system repair`.
type RepairOptions struct {
	IO     *iostreams.IOStreams
	Repair func(ctx context.Context, dryRun bool) ([]container.Finding, error)
	DryRun bool
}

// NewCmdRepair makes `system repair`.
func NewCmdRepair(f *factory.Factory, runF func(context.Context, *RepairOptions) error) *cobra.Command {
	o := &RepairOptions{IO: f.IO, Repair: func(ctx context.Context, dryRun bool) ([]container.Finding, error) {
		client, err := f.Client(ctx)
		if err != nil {
			return nil, err
		}
		return client.Repair(ctx, dryRun)
	}}
	if runF == nil {
		runF = runRepair
	}
	cmd := &cobra.Command{
		Use:   "repair [OPTIONS]",
		Short: "Finish or undo what killed commands left behind",
		Long: "Finish or undo what killed commands left behind: names, root file systems, addresses,\n" +
			"firewall rules, namespaces and mounts that no container needs.",
		Example:               "  nerd system repair --dry-run\n  nerd system repair",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "Only say what would be done")
	return cmd
}

func runRepair(ctx context.Context, o *RepairOptions) error {
	findings, err := o.Repair(ctx, o.DryRun)
	failed := 0
	for _, found := range findings {
		if found.Err != nil {
			failed++
			fmt.Fprintf(o.IO.Err, "nerd: %s %s: %s: %v\n", found.Kind, found.Name, found.Action, found.Err)
			continue
		}
		if _, err := fmt.Fprintf(o.IO.Out, "%s %s: %s\n", found.Kind, found.Name, found.Action); err != nil {
			return err
		}
	}
	if err == nil && failed > 0 {
		return &errs.Exit{Code: 1}
	}
	return err
}
