package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// ExecOptions are the inputs of `exec`.
type ExecOptions struct {
	Base
	Name        string
	Exec        container.ExecOptions
	Interactive bool
}

// NewCmdExec makes `exec`.
func NewCmdExec(f *factory.Factory, runF func(context.Context, *ExecOptions) error) *cobra.Command {
	o := &ExecOptions{Base: newBase(f)}
	if runF == nil {
		runF = runExec
	}
	var env, envFiles []string
	cmd := verb("exec [OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", flagx.MinArgs(2))
	cmd.Example = "  nerd exec web ls /\n  nerd exec -it web sh"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, complete.Running))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name, o.Exec.Cmd = args[0], args[1:]
		vars, err := opts.ReadKVEnvStrings(envFiles, env)
		if err != nil {
			return flagx.FlagError(cmd, fmt.Errorf("--env-file: %w", err))
		}
		o.Exec.Env = vars
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false) // what follows the container belongs to the command
	fs.BoolVarP(&o.Exec.Detach, "detach", "d", false, "Run in the background")
	fs.BoolVarP(&o.Interactive, "interactive", "i", false, "Attach standard input")
	fs.BoolVarP(&o.Exec.Tty, "tty", "t", false, "Give the command a terminal")
	fs.StringVar(&o.Exec.DetachKeys, "detach-keys", "", "Keys that end the connection and leave the command running")
	fs.VarP(opts.NewListOptsRef(&env, opts.ValidateEnv), "env", "e", "Environment variable, NAME=VALUE, or NAME to take it over")
	fs.Var(opts.NewListOptsRef(&envFiles, nil), "env-file", "File of environment variables")
	fs.StringVarP(&o.Exec.User, "user", "u", "", "User, and group after a colon, by name or number")
	fs.StringVarP(&o.Exec.WorkingDir, "workdir", "w", "", "Folder to start in")
	fs.BoolVar(&o.Exec.Privileged, "privileged", false, "Give the command all rights on the host")
	return cmd
}

func runExec(ctx context.Context, o *ExecOptions) error {
	if !o.Exec.Detach {
		if err := checkTerminal(o.IO, o.Interactive, o.Exec.Tty); err != nil {
			return err
		}
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if o.Exec.Detach {
		_, err := s.Exec(ctx, o.Name, o.Exec)
		var start *errs.Start
		if errors.As(err, &start) {
			err = &errs.Exit{Code: 1, Err: err} // Docker keeps 126 and 127 for those it waits for
		}
		return err
	}
	streams, restore, err := session(ctx, o.IO, streamsWanted{
		stdin: o.Interactive, stdout: true, stderr: true, tty: o.Exec.Tty, detachKeys: o.Exec.DetachKeys,
	})
	if err != nil {
		return err
	}
	defer restore()
	o.Exec.Streams = *streams
	out, err := s.Exec(ctx, o.Name, o.Exec)
	return outcome(out, err)
}
