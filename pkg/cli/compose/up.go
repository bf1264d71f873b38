package compose

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
)

// UpOptions are the inputs of `up` and of `create`.
type UpOptions struct {
	*Project
	Up          compose.UpOptions
	Detach      bool
	NoDeps      bool
	Obtain      ObtainOptions
	Scale       []string
	Wait        bool
	WaitTimeout int // seconds; 0: no limit
	Watch       bool
	Follow      FollowOptions

	timeout int
}

func (o *UpOptions) common(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Obtain.Builds.All, "build", false, "Build images before containers are made")
	fs.BoolVar(&o.Obtain.Builds.Never, "no-build", false, "Do not build images, even if they are missing")
	fs.BoolVar(&o.Up.ForceRecreate, "force-recreate", false, "Make containers anew even if nothing has changed")
	fs.BoolVar(&o.Up.NoRecreate, "no-recreate", false, "Leave containers that exist as they are")
	o.Obtain.register(fs)
	fs.BoolVar(&o.Up.RemoveOrphans, "remove-orphans", false, "Remove containers of services that are not in the file")
	fs.StringArrayVar(&o.Scale, "scale", nil, "SERVICE=NUM containers, whatever the file says")
	fs.BoolP("yes", "y", false, "Answer yes to questions: nothing is asked")
	fs.Bool("y", false, "Older form of -y")
	_ = fs.MarkHidden("y")
}

func newCmdUp(g *Project) *cobra.Command {
	o := &UpOptions{Project: g}
	cmd := verb("up [OPTIONS] [SERVICE...]", "Create and start containers", anyArgs, nil)
	cmd.Example = "  nerd compose up --detach --wait\n  nerd compose up --scale worker=5 worker\n  nerd compose --dry-run up"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Up.Services = args
		if err := o.complete(cmd.Flags()); err != nil {
			return flagx.FlagError(cmd, err)
		}
		return runUp(cmd.Context(), o)
	}
	fs := cmd.Flags()
	o.common(fs)
	fs.BoolVarP(&o.Detach, "detach", "d", false, "Run in the background")
	fs.BoolVar(&o.Up.NoStart, "no-start", false, "Make containers without starting them")
	fs.BoolVar(&o.NoDeps, "no-deps", false, "Leave out what the services depend on")
	fs.BoolVar(&o.Up.RecreateDeps, "always-recreate-deps", false, "Make the containers of dependencies anew")
	fs.BoolVarP(&o.Up.RenewVolumes, "renew-anon-volumes", "V", false, "Make volumes without a name anew rather than take them over")
	fs.IntVarP(&o.timeout, "timeout", "t", 0, "Seconds to wait before a container is killed")
	fs.BoolVar(&o.Wait, "wait", false, "Return once services are running or healthy; implies --detach")
	fs.IntVar(&o.WaitTimeout, "wait-timeout", 0, "Seconds that --wait may take")
	fs.BoolVarP(&o.Watch, "watch", "w", false, "Bring containers up to date when files change")
	fs.Bool("menu", false, "No effect: there is no menu")
	o.Follow.register(fs)
	return cmd
}

// complete checks what the flags say together.
func (o *UpOptions) complete(fs *pflag.FlagSet) error {
	if fs.Changed("timeout") {
		o.Up.Timeout = &o.timeout
	}
	if err := o.Obtain.complete(); err != nil {
		return err
	}
	o.Detach = o.Detach || o.Wait
	switch {
	case o.Up.ForceRecreate && o.Up.NoRecreate:
		return errors.New("--force-recreate and --no-recreate are incompatible")
	case o.Up.RecreateDeps && o.Up.NoRecreate:
		return errors.New("--always-recreate-deps and --no-recreate are incompatible")
	case o.Detach && o.Watch:
		return errors.New("--watch is for containers in the foreground: leave out --detach and --wait, or use `compose watch`")
	case o.Detach && o.Follow.aborts():
		return errors.New("--abort-on-container-exit, --abort-on-container-failure and --exit-code-from are for containers in the foreground: leave out --detach and --wait")
	}
	return nil
}

func runUp(ctx context.Context, o *UpOptions) error {
	p, err := o.selected(ctx)
	if err != nil {
		return err
	}
	if len(p.Services) == 0 {
		return errors.New("no service selected")
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	if err := o.Follow.check(p); err != nil {
		return err
	}
	var changes *watching
	if o.Watch {
		if changes, err = (&WatchOptions{UpOptions: *o, Prune: true}).watcher(p); err != nil {
			return err
		}
		defer changes.files.Close()
		changes.s = s
	}
	since := time.Now()
	if err := o.apply(ctx, s, p); err != nil || o.DryRun || o.Up.NoStart {
		return err
	}
	if o.Wait {
		return o.await(ctx, s, p)
	}
	if o.Detach {
		return nil
	}
	if changes == nil {
		return o.Follow.run(ctx, s, p, o.Up.Services, since, o.Up.Timeout)
	}
	o.Follow.lasting = true
	return changes.beside(ctx, func(ctx context.Context) error {
		return o.Follow.run(ctx, s, p, o.Up.Services, since, o.Up.Timeout)
	})
}
