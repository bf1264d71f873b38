package engine

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/engine"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// UpOptions are the inputs of "nerd engine up".
type UpOptions struct {
	Build   bool
	Quiet   bool
	Timeout time.Duration

	Factory *factory.Factory
}

// NewCmdUp makes "nerd engine up".
func NewCmdUp(f *factory.Factory, runF func(context.Context, *UpOptions) error) *cobra.Command {
	opts := &UpOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "up [OPTIONS]",
		Short: "Start the engine",
		Long: `Start nerd's own containerd and wait until it answers; with --build, buildkitd
too. What runs already is left alone. Containers whose restart policy says so
are started.`,
		Example: "  nerd engine up\n  nerd engine up --build",
		Args:    flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return runUp(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Build, "build", false, "Start buildkitd, too")
	cmd.Flags().BoolVarP(&opts.Quiet, "quiet", "q", false, "Print nothing but errors")
	cmd.Flags().DurationVar(&opts.Timeout, "timeout", 30*time.Second, "How long to wait for an answer")
	return cmd
}

func runUp(ctx context.Context, opts *UpOptions) error {
	f := opts.Factory
	l, err := layout(f)
	if err != nil {
		return err
	}
	if err := nerd.NoteExits(ctx, l); err != nil {
		return err
	}
	status, err := engine.Up(ctx, engine.Options{Layout: l, Build: opts.Build, Env: PassedOn(), Timeout: opts.Timeout})
	if err != nil {
		return err
	}
	if !opts.Quiet {
		if err := printUp(f.IO.Out, status); err != nil {
			return err
		}
	}
	return restore(ctx, f)
}

// printUp writes where each daemon listens.
func printUp(w io.Writer, status engine.Status) error {
	for _, c := range status.Components {
		if c.State != engine.StateRunning {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s %s is running on %s\n", c.Name, c.Version, c.Socket); err != nil {
			return err
		}
	}
	return nil
}
