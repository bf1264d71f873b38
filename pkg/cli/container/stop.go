package container

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// StopOptions are the inputs of `stop` and `restart`.
type StopOptions struct {
	Base
	Names []string
	Stop  container.StopOptions
}

// register adds the flags that stop and restart share.
func (o *StopOptions) register(cmd *cobra.Command, timeout *int) {
	fs := cmd.Flags()
	fs.StringVarP(&o.Stop.Signal, "signal", "s", "", "Signal to send to the container")
	fs.IntVarP(timeout, "timeout", "t", 0, "Seconds to wait before the container is killed; -1: no limit")
	fs.IntVar(timeout, "time", 0, "Older name of --timeout")
	_ = fs.MarkHidden("time")
	cmd.MarkFlagsMutuallyExclusive("timeout", "time")
	_ = cmd.RegisterFlagCompletionFunc("signal", complete.Words("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL"))
}

func (o *StopOptions) complete(fs *pflag.FlagSet, args []string, timeout *int) {
	o.Names = args
	if fs.Changed("timeout") || fs.Changed("time") {
		o.Stop.Timeout = timeout
	}
}

// NewCmdStop makes `stop`.
func NewCmdStop(f *factory.Factory, runF func(context.Context, *StopOptions) error) *cobra.Command {
	o := &StopOptions{Base: newBase(f)}
	if runF == nil {
		runF = runStop
	}
	var timeout int
	cmd := verb("stop [OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", flagx.MinArgs(1))
	cmd.Example = "  nerd stop web\n  nerd stop --timeout 0 web db"
	cmd.ValidArgsFunction = complete.Containers(f, complete.Running)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.complete(cmd.Flags(), args, &timeout)
		return runF(cmd.Context(), o)
	}
	o.register(cmd, &timeout)
	return cmd
}

func runStop(ctx context.Context, o *StopOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return each(ctx, o.IO, o.Names, func(ctx context.Context, name string) error { return s.Stop(ctx, name, o.Stop) })
}
