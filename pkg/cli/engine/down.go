package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/engine"
)

// DownOptions are the inputs of "nerd engine down".
type DownOptions struct{ Factory *factory.Factory }

// NewCmdDown makes "nerd engine down".
func NewCmdDown(f *factory.Factory, runF func(context.Context, *DownOptions) error) *cobra.Command {
	opts := &DownOptions{Factory: f}
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the engine",
		Long: `Stop nerd's own containerd and buildkitd. Running containers go on running, and
the engine finds them again when it is next started. To stop them as well, run
'nerd stop $(nerd ps -q)' first.`,
		Example: "  nerd engine down",
		Args:    flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return runDown(cmd.Context(), opts)
		},
	}
}

func runDown(ctx context.Context, opts *DownOptions) error {
	l, err := layout(opts.Factory)
	if err != nil {
		return err
	}
	done, err := engine.Down(ctx, l)
	if err != nil {
		return err
	}
	streams := opts.Factory.IO
	if len(done.Daemons) == 0 {
		_, err = fmt.Fprintln(streams.Err, "nerd's engine was not running")
	} else {
		_, err = fmt.Fprintln(streams.Out, "stopped "+strings.Join(done.Daemons, " and "))
	}
	if err != nil || done.Containers == 0 {
		return err
	}
	_, err = fmt.Fprintf(streams.Err, "containers that go on running: %d\n", done.Containers)
	return err
}
