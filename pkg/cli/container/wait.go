package container

import (
	"context"
	"strconv"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// NewCmdWait makes `wait`.
func NewCmdWait(f *factory.Factory, runF func(context.Context, *NamesOptions) error) *cobra.Command {
	o := &NamesOptions{Base: newBase(f)}
	if runF == nil {
		runF = runWait
	}
	cmd := verb("wait CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", flagx.MinArgs(1))
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runWait(ctx context.Context, o *NamesOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return eachPrint(ctx, o.IO, o.Names, func(ctx context.Context, name string) (string, error) {
		code, err := s.Wait(ctx, name, apicontainer.WaitConditionNotRunning)
		return strconv.FormatInt(code, 10), err
	})
}
