package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// exitOwnFailure is the exit status of `run` when the failure is not the
// container's, as in Docker.
const exitOwnFailure = 125

// nameTries bounds how often a random name is drawn that is taken already.
const nameTries = 8

// RunOptions are the inputs of `run`.
type RunOptions struct {
	CreateOptions
	Detach     bool
	SigProxy   bool
	DetachKeys string
	Wait       ReadyOptions
}

// NewCmdRun makes `run`.
func NewCmdRun(f *factory.Factory, runF func(context.Context, *RunOptions) error) *cobra.Command {
	o := &RunOptions{CreateOptions: newCreateOptions(f)}
	if runF == nil {
		runF = runRun
	}
	cmd := verb("run [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", flagx.MinArgs(1))
	cmd.Example = "  nerd run --rm -it alpine sh\n  nerd run -d --name web -p 8080:80 nginx\n  nerd run --rm -v /data:/data:ro alpine ls /data"
	cmd.ValidArgsFunction = complete.First(1, complete.Images(f))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.complete(cmd, args); err != nil {
			return flagx.FlagError(cmd, err)
		}
		if err := o.Wait.check(o.Detach); err != nil {
			return flagx.FlagError(cmd, err)
		}
		if o.Detach {
			if cmd.Flags().Changed("attach") {
				return &errs.Exit{Code: 1, Err: errors.New("conflicting options: -a and -d")}
			}
			c := o.Create.Config
			c.AttachStdin, c.AttachStdout, c.AttachStderr, c.StdinOnce = false, false, false, false
		}
		return ownFailure(runF(cmd.Context(), o))
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.Detach, "detach", "d", false, "Run in the background and print the container's id")
	fs.BoolVar(&o.SigProxy, "sig-proxy", true, "Pass signals on to the container")
	fs.StringVar(&o.DetachKeys, "detach-keys", "", "Keys that end the connection and leave the container running")
	o.Wait.register(cmd)
	o.register(cmd)
	return cmd
}

// ownFailure gives errors that ask for no exit status the one of `run`.
func ownFailure(err error) error {
	if err == nil || errs.Code(err, -1) >= 0 {
		return err
	}
	return &errs.Exit{Code: exitOwnFailure, Err: err}
}

func runRun(ctx context.Context, o *RunOptions) error {
	c := o.Create.Config
	if err := checkTerminal(o.IO, c.AttachStdin, c.Tty); err != nil {
		return &errs.Exit{Code: 1, Err: err}
	}
	if err := checkIDFile(o.Create.HostConfig.ContainerIDFile); err != nil {
		return err
	}
	if width, height, ok := o.IO.Size(); ok && c.Tty {
		o.Create.HostConfig.ConsoleSize = [2]uint{uint(height), uint(width)}
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if o.Detach {
		return o.detached(ctx, s)
	}
	return o.attached(ctx, s)
}

func (o *RunOptions) detached(ctx context.Context, s Service) error {
	id, _, err := o.start(ctx, s, nil, nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.IO.Out, id); err != nil {
		return err
	}
	return o.Wait.await(ctx, s, id)
}

// attached runs the container in the foreground. Signals may come before its id
// is known here, so a container without a name gets one to send them to.
func (o *RunOptions) attached(ctx context.Context, s Service) error {
	drawn := o.Create.Name == ""
	for try := 1; ; try++ {
		if drawn {
			o.Create.Name = container.RandomName()
		}
		err := o.follow(ctx, s)
		if !drawn || !errdefs.IsAlreadyExists(err) || try == nameTries {
			return err
		}
	}
}

func (o *RunOptions) follow(ctx context.Context, s Service) error {
	c := o.Create.Config
	var signals *signalProxy
	if o.SigProxy {
		signals, ctx = o.newSignalProxy(ctx, s, o.Create.Name)
		defer signals.Stop()
	}
	want := streamsWanted{
		stdin: c.AttachStdin, stdout: c.AttachStdout, stderr: c.AttachStderr, tty: c.Tty, detachKeys: o.DetachKeys,
	}
	_, out, err := o.start(ctx, s, &want, signals)
	return outcome(out, err)
}

// start creates and starts the container in one go, unless its id has to be
// written down in between. The terminal is in raw mode only from here on: a pull
// can be interrupted with ctrl-c. A nil want is detached; nil signals stay
// the program's.
func (o *RunOptions) start(ctx context.Context, s Service, want *streamsWanted, signals *signalProxy) (id string, out container.Outcome, err error) {
	begin := func(run func(container.StartOptions) error) error {
		end := "\n"
		if want != nil && want.tty {
			end = "\r\n" // the terminal is raw by then
		}
		opts := container.StartOptions{Warn: func(w string) { fmt.Fprint(o.IO.Err, "WARNING: ", w, end) }}
		if signals != nil {
			opts.Starting, opts.Started = signals.Starting, signals.Started
		}
		if want == nil {
			return run(opts)
		}
		streams, restore, err := session(ctx, o.IO, *want)
		if err != nil {
			return err
		}
		defer restore()
		opts.Attach = streams
		return run(opts)
	}
	if o.Create.HostConfig.ContainerIDFile != "" {
		if id, err = o.create(ctx, s); err != nil {
			return "", out, err
		}
		err = begin(func(opts container.StartOptions) (err error) {
			out, err = s.Start(ctx, id, opts)
			return err
		})
		return id, out, err
	}
	err = o.withImage(ctx, func() error {
		return begin(func(opts container.StartOptions) (err error) {
			id, out, err = s.Run(ctx, o.Create, opts)
			return err
		})
	})
	return id, out, err
}
