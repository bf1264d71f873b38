package namespace

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// RemoveOptions are the inputs of `namespace rm`.
type RemoveOptions struct {
	Base
	Names  []string
	Cgroup bool
}

// NewCmdRemove makes `namespace rm`.
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	o := &RemoveOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRemove
	}
	cmd := &cobra.Command{
		Use: "rm [OPTIONS] NAMESPACE [NAMESPACE...]", Aliases: []string{"remove"}, Short: "Remove one or more empty namespaces",
		Args: flagx.MinArgs(1), DisableFlagsInUseLine: true, ValidArgsFunction: names(o.Base),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return runF(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.Cgroup, "cgroup", "c", false, "Remove the empty control groups of that name as well")
	return cmd
}

func runRemove(ctx context.Context, o *RemoveOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range o.Names {
		if err := s.Remove(ctx, name, o.Cgroup); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Fprintln(o.IO.Out, name)
	}
	return failed
}
