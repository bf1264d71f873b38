package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// StartOptions are the inputs of `start`.
type StartOptions struct {
	Base
	Names       []string
	Attach      bool
	Interactive bool
	DetachKeys  string
	Checkpoint  container.Checkpoint
}

// checkpoint is what to restore from, nil if nothing was asked for.
func (o *StartOptions) checkpoint() *container.Checkpoint {
	if o.Checkpoint.Name == "" {
		return nil
	}
	return &o.Checkpoint
}

// NewCmdStart makes `start`.
func NewCmdStart(f *factory.Factory, runF func(context.Context, *StartOptions) error) *cobra.Command {
	o := &StartOptions{Base: newBase(f)}
	if runF == nil {
		runF = runStart
	}
	cmd := verb("start [OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers", flagx.MinArgs(1))
	cmd.Example = "  nerd start web db\n  nerd start --attach --interactive shell"
	cmd.ValidArgsFunction = complete.Containers(f, complete.Stopped)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Names = args
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Attach, "attach", "a", false, "Attach standard output and error, and pass signals on")
	fs.BoolVarP(&o.Interactive, "interactive", "i", false, "Attach standard input")
	fs.StringVar(&o.DetachKeys, "detach-keys", "", "Keys that end the connection and leave the container running")
	fs.StringVar(&o.Checkpoint.Name, "checkpoint", "", "Restore from this checkpoint")
	fs.StringVar(&o.Checkpoint.Dir, "checkpoint-dir", "", "Folder of the checkpoints, instead of the container's own")
	return cmd
}

func runStart(ctx context.Context, o *StartOptions) error {
	attached := o.Attach || o.Interactive
	if attached && len(o.Names) > 1 {
		return errors.New("you cannot start and attach multiple containers at once")
	}
	switch {
	case o.Checkpoint.Name != "" && len(o.Names) > 1:
		return errors.New("you cannot restore multiple containers at once")
	case o.Checkpoint.Name == "" && o.Checkpoint.Dir != "":
		return errors.New("--checkpoint-dir says where a checkpoint is: name it with --checkpoint")
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if attached {
		return o.attached(ctx, s)
	}
	var (
		mu     sync.Mutex
		failed []string
	)
	err = each(ctx, o.IO, o.Names, func(ctx context.Context, name string) error {
		_, err := s.Start(ctx, name, container.StartOptions{Checkpoint: o.checkpoint()})
		if err != nil {
			mu.Lock()
			failed = append(failed, name)
			mu.Unlock()
		}
		return err
	})
	if len(failed) > 0 && len(o.Names) > 1 && ctx.Err() == nil {
		return &errs.Exit{Code: 1, Err: fmt.Errorf("failed to start containers: %s", strings.Join(o.inOrder(failed), ", "))}
	}
	return err
}

// inOrder sorts names as they were given.
func (o *StartOptions) inOrder(names []string) []string {
	var out []string
	for _, n := range o.Names {
		for _, f := range names {
			if n == f {
				out = append(out, n)
				break
			}
		}
	}
	return out
}

func (o *StartOptions) attached(ctx context.Context, s Service) error {
	name := o.Names[0]
	c, err := s.Inspect(ctx, name, container.InspectOptions{})
	if err != nil {
		return err
	}
	stdin := o.Interactive && c.Config.OpenStdin
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
	signals, ctx := o.newSignalProxy(ctx, s, c.ID)
	defer signals.Stop()
	out, err := s.Start(ctx, c.ID, container.StartOptions{
		Attach:     streams,
		Checkpoint: o.checkpoint(),
		Starting:   signals.Starting,
		Started:    signals.Started,
	})
	var start *errs.Start
	if errors.As(err, &start) {
		err = &errs.Exit{Code: 1, Err: err} // Docker keeps 126 and 127 for run
	}
	return outcome(out, err)
}
