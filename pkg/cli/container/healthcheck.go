package container

import (
	"context"
	"fmt"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// NewCmdHealthcheck makes `container healthcheck`.
func NewCmdHealthcheck(f *factory.Factory, runF func(context.Context, *NamesOptions) error) *cobra.Command {
	o := &NamesOptions{Base: newBase(f)}
	if runF == nil {
		runF = runHealthcheck
	}
	cmd := verb("healthcheck CONTAINER", "Check the health of a container now", flagx.ExactArgs(1))
	cmd.Long = "Run the health check of a container now, besides the checks that are run at each interval.\n" +
		"The result counts like theirs. It prints the container's health and fails if the check did."
	cmd.Example = "  nerd container healthcheck web"
	cmd.ValidArgsFunction = complete.Containers(f, func(s apicontainer.ContainerState) bool { return s == apicontainer.StateRunning })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runHealthcheck(ctx context.Context, o *NamesOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	result, status, err := s.Healthcheck(ctx, o.Names[0])
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.IO.Out, status); err != nil {
		return err
	}
	if result.ExitCode != 0 {
		return &errs.Exit{Code: 1}
	}
	return nil
}
