package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/engine"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// StatusOptions are the inputs of "nerd engine status".
type StatusOptions struct {
	Format string

	Factory *factory.Factory
}

// NewCmdStatus makes "nerd engine status".
func NewCmdStatus(f *factory.Factory, runF func(context.Context, *StatusOptions) error) *cobra.Command {
	opts := &StatusOptions{Factory: f}
	cmd := &cobra.Command{
		Use:     "status [OPTIONS]",
		Short:   "Show what the engine is doing",
		Long:    "Show the programs of nerd's own engine, their versions and whether they run.\nThe exit status is 1 when its containerd does not answer.",
		Example: "  nerd engine status\n  nerd engine status --format json",
		Args:    flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.Format != "table" && opts.Format != "json" {
				return flagx.FlagError(cmd, fmt.Errorf("--format %q: use table or json", opts.Format))
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return runStatus(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.Format, "format", "table", `Format of the output: "table" or "json"`)
	return cmd
}

func runStatus(ctx context.Context, opts *StatusOptions) error {
	l, err := layout(opts.Factory)
	if err != nil {
		return err
	}
	status, err := engine.GetStatus(ctx, l)
	if err != nil {
		return err
	}
	out := opts.Factory.IO.Out
	if opts.Format == "json" {
		err = json.NewEncoder(out).Encode(status)
	} else {
		err = printStatus(out, status)
	}
	if err == nil && !status.Running {
		err = &errs.Exit{Code: 1, Err: errNotRunning}
	}
	return err
}

// printStatus writes a table in the manner of Docker's.
func printStatus(w io.Writer, status engine.Status) error {
	t := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	fmt.Fprintln(t, "COMPONENT\tVERSION\tPID\tSTATE\tSOCKET")
	for _, c := range status.Components {
		pid := ""
		if c.PID != 0 {
			pid = strconv.Itoa(c.PID)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Version, pid, c.State, c.Socket)
	}
	return t.Flush() // reports what the lines above ran into
}
