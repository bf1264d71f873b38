package container

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// LogsOptions are the inputs of `logs`.
type LogsOptions struct {
	Base
	Name string
	Logs container.LogsOptions
}

// NewCmdLogs makes `logs`.
func NewCmdLogs(f *factory.Factory, runF func(context.Context, *LogsOptions) error) *cobra.Command {
	o := &LogsOptions{Base: newBase(f)}
	if runF == nil {
		runF = runLogs
	}
	var tail, since, until string
	cmd := verb("logs [OPTIONS] CONTAINER", "Fetch the logs of a container", flagx.ExactArgs(1))
	cmd.Example = "  nerd logs --follow web\n  nerd logs --since 10m --tail 100 web"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		if err := o.bounds(tail, since, until); err != nil {
			return err // not a usage error in Docker: its daemon finds it
		}
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Logs.Follow, "follow", "f", false, "Go on with new output")
	fs.StringVarP(&tail, "tail", "n", "all", "Number of lines from the end, or all")
	fs.StringVar(&since, "since", "", "From this time on, such as 2024-06-01T12:30:00Z or 10m (ago)")
	fs.StringVar(&until, "until", "", "Up to this time, such as 2024-06-01T12:30:00Z or 10m (ago)")
	fs.BoolVarP(&o.Logs.Timestamps, "timestamps", "t", false, "Begin each line with its time")
	fs.BoolVar(&o.Logs.Details, "details", false, "Show what the options of the log driver add to each line")
	return cmd
}

func (o *LogsOptions) bounds(tail, since, until string) error {
	o.Logs.Tail = -1
	if tail != "all" && tail != "" {
		n, err := strconv.Atoi(tail)
		if err != nil {
			return fmt.Errorf("invalid value %q for --tail: expected a number or \"all\"", tail)
		}
		o.Logs.Tail = n
	}
	now := time.Now()
	var err error
	if o.Logs.Since, err = flagx.ParseTime(since, now); err != nil {
		return fmt.Errorf("invalid value for \"since\": %w", err)
	}
	if o.Logs.Until, err = flagx.ParseTime(until, now); err != nil {
		return fmt.Errorf("invalid value for \"until\": %w", err)
	}
	return nil
}

func runLogs(ctx context.Context, o *LogsOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	o.Logs.Stdout, o.Logs.Stderr = o.IO.Out, o.IO.Err
	return s.Logs(ctx, o.Name, o.Logs)
}
