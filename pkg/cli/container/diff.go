package container

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// DiffOptions are the inputs of `diff`.
type DiffOptions struct {
	Base
	Name string
}

// NewCmdDiff makes `diff`.
func NewCmdDiff(f *factory.Factory, runF func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Base: newBase(f)}
	if runF == nil {
		runF = runDiff
	}
	cmd := verb("diff CONTAINER", "Inspect changes to files or directories on a container's filesystem", flagx.ExactArgs(1))
	cmd.Example = "  nerd diff web"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runDiff(ctx context.Context, o *DiffOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	changes, err := s.Changes(ctx, o.Name)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&text, "%s %s\n", c.Kind, c.Path)
	}
	_, err = fmt.Fprint(o.IO.Out, text.String())
	return err
}
