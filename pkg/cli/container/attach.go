package container

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// AttachOptions are the inputs of `attach`.
type AttachOptions struct {
	Base
	Name       string
	NoStdin    bool
	SigProxy   bool
	DetachKeys string
}

// NewCmdAttach makes `attach`.
func NewCmdAttach(f *factory.Factory, runF func(context.Context, *AttachOptions) error) *cobra.Command {
	o := &AttachOptions{Base: newBase(f)}
	if runF == nil {
		runF = runAttach
	}
	cmd := verb("attach [OPTIONS] CONTAINER", "Attach local standard input, output, and error streams to a running container", flagx.ExactArgs(1))
	cmd.Example = "  nerd attach web\n  nerd attach --no-stdin --sig-proxy=false web"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, complete.Running))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.NoStdin, "no-stdin", false, "Do not attach standard input")
	fs.BoolVar(&o.SigProxy, "sig-proxy", true, "Pass signals on to the container")
	fs.StringVar(&o.DetachKeys, "detach-keys", "", "Keys that end the connection and leave the container running")
	return cmd
}

func runAttach(ctx context.Context, o *AttachOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	c, err := s.Inspect(ctx, o.Name, container.InspectOptions{})
	if err != nil {
		return err
	}
	stdin := !o.NoStdin && c.Config.OpenStdin
	if err := checkTerminal(o.IO, stdin, c.Config.Tty); err != nil {
		return err
	}
	streams, restore, err := session(ctx, o.IO, streamsWanted{
		stdin: stdin, stdout: true, stderr: true, tty: c.Config.Tty, detachKeys: o.DetachKeys,
	})
	if err != nil {
		return err
	}
	defer restore()
	if o.SigProxy {
		var signals *signalProxy
		signals, ctx = o.newSignalProxy(ctx, s, c.ID)
		defer signals.Stop()
		signals.Started()
	}
	out, err := s.Attach(ctx, c.ID, container.AttachOptions{Streams: *streams})
	return outcome(out, err)
}
