package container

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// RmOptions are the inputs of `rm`.
type RmOptions struct {
	Base
	Names  []string
	Link   bool // the names are of links
	Remove container.RemoveOptions
}

// NewCmdRm makes `rm`.
func NewCmdRm(f *factory.Factory, runF func(context.Context, *RmOptions) error) *cobra.Command {
	o := &RmOptions{Base: newBase(f)}
	if runF == nil {
		runF = runRm
	}
	cmd := verb("rm [OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", flagx.MinArgs(1))
	cmd.Aliases = []string{"remove"}
	also(cmd, "nerd container rm, nerd container remove, nerd rm")
	cmd.Example = "  nerd rm web\n  nerd rm --force --volumes web db"
	cmd.ValidArgsFunction = complete.Containers(f, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Remove.Force, "force", "f", false, "Kill a container that runs, then remove it")
	fs.BoolVarP(&o.Link, "link", "l", false, "Remove a link, CONTAINER/ALIAS, instead of a container")
	fs.BoolVarP(&o.Remove.Volumes, "volumes", "v", false, "Remove the anonymous volumes of the container too")
	return cmd
}

// runRm removes what was named. With --force a container that does not exist is
// said, but is no failure: the state that was asked for is there.
func runRm(ctx context.Context, o *RmOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	return eachPrint(ctx, o.IO, o.Names, func(ctx context.Context, name string) (string, error) {
		if o.Link {
			return name, s.Unlink(ctx, name)
		}
		err := s.Remove(ctx, name, o.Remove)
		if o.Remove.Force && errdefs.IsNotFound(err) {
			err = &harmless{err}
		}
		return name, err
	})
}
