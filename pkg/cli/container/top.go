package container

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// TopOptions are the inputs of `top`.
type TopOptions struct {
	Base
	Name string
	Args []string // options of ps
}

// NewCmdTop makes `top`.
func NewCmdTop(f *factory.Factory, runF func(context.Context, *TopOptions) error) *cobra.Command {
	o := &TopOptions{Base: newBase(f)}
	if runF == nil {
		runF = runTop
	}
	cmd := verb("top CONTAINER [ps OPTIONS]", "Display the running processes of a container", flagx.MinArgs(1))
	cmd.Example = "  nerd top web\n  nerd top web -o pid,user,args"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, complete.Running))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		o.Args = strings.Fields(strings.Join(args[1:], " "))
		return runF(cmd.Context(), o)
	}
	cmd.Flags().SetInterspersed(false) // what follows the container is for ps
	return cmd
}

func runTop(ctx context.Context, o *TopOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	list, err := s.Top(ctx, o.Name, o.Args)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(o.IO.Out, 20, 1, 3, ' ', 0)
	fmt.Fprintln(w, strings.Join(list.Titles, "\t"))
	for _, process := range list.Processes {
		fmt.Fprintln(w, strings.Join(process, "\t"))
	}
	return w.Flush()
}
