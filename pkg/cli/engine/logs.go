package engine

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/engine"
)

// LogsOptions are the inputs of "nerd engine logs".
type LogsOptions struct {
	Build  bool
	Follow bool
	Tail   int // lines; negative: all

	Factory *factory.Factory
}

// NewCmdLogs makes "nerd engine logs".
func NewCmdLogs(f *factory.Factory, runF func(context.Context, *LogsOptions) error) *cobra.Command {
	opts := &LogsOptions{Factory: f}
	var tail string
	cmd := &cobra.Command{
		Use:     "logs [OPTIONS]",
		Short:   "Show what the engine has logged",
		Example: "  nerd engine logs --tail 20\n  nerd engine logs -f --build",
		Args:    flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := parseTail(tail)
			if err != nil {
				return flagx.FlagError(cmd, err)
			}
			opts.Tail = n
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return runLogs(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Build, "build", false, "Show buildkitd's log instead of containerd's")
	cmd.Flags().BoolVarP(&opts.Follow, "follow", "f", false, "Go on as more is logged")
	cmd.Flags().StringVarP(&tail, "tail", "n", "all", "Number of lines to show from the end")
	return cmd
}

func parseTail(s string) (int, error) {
	if s == "all" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("--tail %q: use a number of lines or \"all\"", s)
	}
	return n, nil
}

func runLogs(ctx context.Context, opts *LogsOptions) error {
	l, err := layout(opts.Factory)
	if err != nil {
		return err
	}
	return engine.Logs(ctx, l, opts.Factory.IO.Out, engine.LogOptions{Build: opts.Build, Follow: opts.Follow, Tail: opts.Tail})
}
