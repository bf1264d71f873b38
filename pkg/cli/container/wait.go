package container

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// WaitOptions are the inputs of `wait`.
type WaitOptions struct {
	Base
	Names     []string
	Condition string
}

// waitConditions are the values of --condition.
var waitConditions = []string{
	string(apicontainer.WaitConditionNotRunning), string(apicontainer.WaitConditionNextExit), string(apicontainer.WaitConditionRemoved),
	string(container.WaitRunning), string(container.WaitHealthy),
}

// NewCmdWait makes `wait`.
func NewCmdWait(f *factory.Factory, runF func(context.Context, *WaitOptions) error) *cobra.Command {
	o := &WaitOptions{Base: newBase(f)}
	if runF == nil {
		runF = runWait
	}
	cmd := verb("wait [OPTIONS] CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", flagx.MinArgs(1))
	cmd.Long = "Block until one or more containers stop, then print their exit codes.\n\n" +
		"With --condition running or healthy, block until they are that, and print the word. It fails as soon as\n" +
		"that is out of reach: the container has ended, or is unhealthy."
	cmd.Example = "  nerd wait job\n  nerd wait --condition healthy db web"
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(waitConditions, o.Condition) {
			return flagx.FlagError(cmd, fmt.Errorf("invalid condition %q: use %s", o.Condition, strings.Join(waitConditions, ", ")))
		}
		o.Names = args
		return runF(cmd.Context(), o)
	}
	cmd.Flags().StringVar(&o.Condition, "condition", string(apicontainer.WaitConditionNotRunning), "What to wait for: "+strings.Join(waitConditions, ", "))
	_ = cmd.RegisterFlagCompletionFunc("condition", complete.Words(waitConditions...))
	return cmd
}

func runWait(ctx context.Context, o *WaitOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	cond := container.WaitCondition(o.Condition)
	return eachPrint(ctx, o.IO, o.Names, func(ctx context.Context, name string) (string, error) {
		if cond == container.WaitRunning || cond == container.WaitHealthy {
			return o.Condition, s.WaitFor(ctx, name, cond)
		}
		code, err := s.Wait(ctx, name, cond)
		return strconv.FormatInt(code, 10), err
	})
}
