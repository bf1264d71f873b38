package system

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// InternalOptions are the inputs of the commands that nerd-monitor runs.
type InternalOptions struct {
	IO   *iostreams.IOStreams
	Do   func(ctx context.Context, verb, id string) (status int, stdout string, err error)
	Verb string
	ID   string
}

// NewCmdInternal makes `internal`: what a container's companion calls. It is not
// for users, and not shown.
func NewCmdInternal(f *factory.Factory) *cobra.Command {
	cmd := group("internal COMMAND", "Serve the companion of a container")
	cmd.Hidden = true
	for _, v := range []struct{ verb, short string }{
		{"exited", "Handle the end of a container"},
		{"cleanup", "Release what an ended container held"},
		{"close-stdin", "Close the standard input of a container"},
		{"restart", "Start a container again as its policy says"},
		{"health", "Check the health of a container"},
		{"thaw", "Let a container go on once the process that has paused it ends"},
	} {
		cmd.AddCommand(newInternal(f, v.verb, v.short, nil))
	}
	return cmd
}

func newInternal(f *factory.Factory, verb, short string, runF func(context.Context, *InternalOptions) error) *cobra.Command {
	o := &InternalOptions{IO: f.IO, Verb: verb, Do: func(ctx context.Context, verb, id string) (int, string, error) {
		cfg, err := f.Config()
		if err != nil {
			return 1, "", err
		}
		own := nerd.Config{Address: cfg.Address, Namespace: cfg.Namespace, DataRoot: cfg.DataRoot, RunRoot: cfg.RunRoot}
		if err := nerd.Checkable(ctx, own, verb); err != nil {
			return 1, "", err
		}
		client, err := f.Client(ctx)
		if err != nil {
			return 1, "", err
		}
		return client.Internal(ctx, verb, id)
	}}
	if runF == nil {
		runF = runInternal
	}
	return &cobra.Command{
		Use:                   verb + " ID",
		Short:                 short,
		Args:                  flagx.ExactArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.None,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ID = args[0]
			return runF(cmd.Context(), o)
		},
	}
}

func runInternal(ctx context.Context, o *InternalOptions) error {
	status, text, err := o.Do(ctx, o.Verb, o.ID)
	if err != nil {
		return &errs.Exit{Code: max(status, 1), Err: err}
	}
	if _, err := io.WriteString(o.IO.Out, text); err != nil {
		return err
	}
	if status != 0 {
		return &errs.Exit{Code: status}
	}
	return nil
}
