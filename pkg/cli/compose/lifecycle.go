package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
)

// planner makes a plan for the containers that there are.
type planner func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error)

// change loads what there is of the project, plans and carries out, with nobody
// else at the project.
func (g *Project) change(ctx context.Context, services []string, plan planner) error {
	name, p, err := g.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, services); err != nil {
		return err
	}
	s, err := g.open(ctx)
	if err != nil {
		return err
	}
	lock, err := s.lock(ctx, name)
	if err != nil {
		return err
	}
	defer release(lock)
	observed, err := compose.Observe(ctx, s.backend, name, nil)
	if err != nil {
		return err
	}
	steps, err := plan(p, observed, services)
	if err != nil {
		return err
	}
	if g.DryRun {
		_, err := fmt.Fprint(g.IO.Out, steps)
		return err
	}
	return s.carryOut(ctx, s.executor(name, p, observed), steps)
}

func timeoutFlag(cmd *cobra.Command) func() *int {
	var timeout int
	fs := cmd.Flags()
	fs.IntVarP(&timeout, "timeout", "t", 0, "Seconds to wait before a container is killed")
	return func() *int {
		if fs.Changed("timeout") {
			return &timeout
		}
		return nil
	}
}

func newCmdStop(g *Project) *cobra.Command {
	cmd := verb("stop [OPTIONS] [SERVICE...]", "Stop services", anyArgs, nil)
	timeout := timeoutFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.change(cmd.Context(), args, func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			return compose.PlanStop(p, o, services, timeout()), nil
		})
	}
	return cmd
}

func newCmdStart(g *Project) *cobra.Command {
	var wait bool
	var limit int
	cmd := verb("start [OPTIONS] [SERVICE...]", "Start services", anyArgs, func(ctx context.Context, args []string) error {
		err := g.change(ctx, args, func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			for _, name := range services {
				if len(o.Of(name)) == 0 {
					return nil, fmt.Errorf("service %q has no container to start", name)
				}
			}
			return compose.PlanStart(p, o, services), nil
		})
		if err != nil || !wait || g.DryRun {
			return err
		}
		p, err := g.load(ctx, nil)
		if err != nil {
			return err
		}
		s, err := g.open(ctx)
		if err != nil {
			return err
		}
		return (&UpOptions{Project: g, WaitTimeout: limit}).await(ctx, s, p)
	})
	cmd.Flags().BoolVar(&wait, "wait", false, "Return once services are running or healthy")
	cmd.Flags().IntVar(&limit, "wait-timeout", 0, "Seconds that --wait may take")
	return cmd
}

func newCmdRestart(g *Project) *cobra.Command {
	var noDeps bool
	cmd := verb("restart [OPTIONS] [SERVICE...]", "Restart services", anyArgs, nil)
	timeout := timeoutFlag(cmd)
	cmd.Flags().BoolVar(&noDeps, "no-deps", false, "Leave out services that want to be restarted with these")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.change(cmd.Context(), args, func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			if p != nil && !noDeps && len(services) > 0 {
				services = withDependents(p, services)
			}
			return compose.PlanRestart(p, o, services, timeout()), nil
		})
	}
	return cmd
}

// withDependents adds the services that are to be restarted with others.
func withDependents(p *types.Project, services []string) []string {
	out := append([]string(nil), services...)
	for _, name := range services {
		s := p.Services[name]
		s.Name = name
		out = append(out, p.GetDependentsForService(s, func(d types.ServiceDependency) bool { return d.Restart })...)
	}
	return out
}

func newCmdRm(g *Project) *cobra.Command {
	var force, stop, volumes bool
	cmd := verb("rm [OPTIONS] [SERVICE...]", "Remove containers of services that do not run", anyArgs, func(ctx context.Context, args []string) error {
		var going []string
		planned := func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			plan := compose.PlanRemove(p, o, services, stop, volumes)
			for _, a := range plan.Actions {
				going = append(going, a.Name)
			}
			if len(going) == 0 {
				fmt.Fprintln(g.IO.Err, "No stopped containers")
				return plan, nil
			}
			fmt.Fprintf(g.IO.Out, "Going to remove %s\n", join(going))
			if force || g.DryRun {
				return plan, nil
			}
			yes, err := g.IO.Confirm(ctx, "Are you sure?")
			if err != nil || !yes {
				return &compose.Plan{}, err
			}
			return plan, nil
		}
		return g.change(ctx, args, planned)
	})
	fs := cmd.Flags()
	fs.BoolVarP(&force, "force", "f", false, "Do not ask")
	fs.BoolVarP(&stop, "stop", "s", false, "Stop containers first that run")
	fs.BoolVarP(&volumes, "volumes", "v", false, "Remove their volumes without a name")
	fs.BoolP("all", "a", false, "No effect")
	_ = fs.MarkHidden("all")
	return cmd
}

// deed is something that is done to a container at once, whatever the order.
type deed struct {
	doing, done string
	fits        func(*compose.Container) bool
	run         func(ctx context.Context, s *session, id string) error
}

func (g *Project) each(ctx context.Context, services []string, d deed) error {
	name, p, err := g.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, services); err != nil {
		return err
	}
	s, err := g.open(ctx)
	if err != nil {
		return err
	}
	found, err := s.containers(ctx, name, services)
	if err != nil {
		return err
	}
	show, end := g.show()
	defer end()
	tell := func(id, status string, done bool) {
		if show != nil {
			show(compose.Event{ID: "Container " + id, Status: status, Done: done})
		}
	}
	errs := make([]error, len(found))
	var wait sync.WaitGroup
	for i, c := range found {
		if !d.fits(&c) || c.OneOff {
			continue
		}
		if g.DryRun {
			fmt.Fprintf(g.IO.Out, "%s %s\n", d.doing, c.Name)
			continue
		}
		wait.Go(func() {
			tell(c.Name, d.doing, false)
			if errs[i] = d.run(ctx, s, c.ID); errs[i] == nil {
				tell(c.Name, d.done, true)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func newCmdKill(g *Project) *cobra.Command {
	var signal string
	var orphans bool
	cmd := verb("kill [OPTIONS] [SERVICE...]", "Send a signal to services", anyArgs, func(ctx context.Context, args []string) error {
		return g.each(ctx, args, deed{"Killing", "Killed", (*compose.Container).Running, func(ctx context.Context, s *session, id string) error {
			return s.client.Containers.Kill(ctx, id, signal)
		}})
	})
	cmd.Flags().StringVarP(&signal, "signal", "s", "SIGKILL", "Signal to send")
	cmd.Flags().BoolVar(&orphans, "remove-orphans", false, "Remove containers of services that are not in the file")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := run(cmd, args); err != nil || !orphans {
			return err
		}
		return g.change(cmd.Context(), nil, planOrphans)
	}
	return cmd
}

func planOrphans(p *types.Project, o *compose.Observed, _ []string) (*compose.Plan, error) {
	plan := &compose.Plan{}
	for i := range o.Containers {
		c := &o.Containers[i]
		if p == nil || c.OneOff {
			continue
		}
		if _, ok := p.AllServices()[c.Service]; !ok {
			plan.Actions = append(plan.Actions, compose.Action{Kind: compose.Remove, Name: c.Name, Container: c})
		}
	}
	return plan, nil
}

func newCmdPause(g *Project) *cobra.Command {
	return verb("pause [SERVICE...]", "Pause services", anyArgs, func(ctx context.Context, args []string) error {
		return g.each(ctx, args, deed{"Pausing", "Paused", func(c *compose.Container) bool { return c.State == "running" }, func(ctx context.Context, s *session, id string) error {
			return s.client.Containers.Pause(ctx, id)
		}})
	})
}

func newCmdUnpause(g *Project) *cobra.Command {
	return verb("unpause [SERVICE...]", "Let paused services go on", anyArgs, func(ctx context.Context, args []string) error {
		return g.each(ctx, args, deed{"Unpausing", "Unpaused", func(c *compose.Container) bool { return c.State == "paused" }, func(ctx context.Context, s *session, id string) error {
			return s.client.Containers.Unpause(ctx, id)
		}})
	})
}

func newCmdCreate(g *Project) *cobra.Command {
	o := &UpOptions{Project: g, Up: compose.UpOptions{NoStart: true}}
	cmd := verb("create [OPTIONS] [SERVICE...]", "Create containers without starting them", anyArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Up.Services = args
		if err := o.complete(cmd.Flags()); err != nil {
			return flagx.FlagError(cmd, err)
		}
		return runUp(cmd.Context(), o)
	}
	o.common(cmd.Flags())
	return cmd
}

func newCmdScale(g *Project) *cobra.Command {
	o := &UpOptions{Project: g, Detach: true, Up: compose.UpOptions{IgnoreOrphans: true}}
	cmd := verb("scale SERVICE=REPLICAS...", "Change the number of containers of services", flagx.MinArgs(1), func(ctx context.Context, args []string) error {
		o.Scale = args
		for _, a := range args {
			name, _, _ := strings.Cut(a, "=")
			o.Up.Services = append(o.Up.Services, name)
		}
		return runUp(ctx, o)
	})
	cmd.Flags().BoolVar(&o.NoDeps, "no-deps", false, "Leave out what the services depend on")
	return cmd
}

func newCmdWait(g *Project) *cobra.Command {
	var down bool
	cmd := verb("wait SERVICE [SERVICE...] [OPTIONS]", "Wait until a container of the services ends", flagx.MinArgs(1), func(ctx context.Context, args []string) error {
		return runWait(ctx, g, args, down)
	})
	cmd.Flags().BoolVar(&down, "down-project", false, "Take the project down when a container has ended")
	return cmd
}

// since is a time that a flag gives, absolute or as a duration ago.
func since(text, flag string) (time.Time, error) {
	t, err := flagx.ParseTime(text, time.Now())
	if err != nil {
		return t, fmt.Errorf("invalid value for %q: %w", flag, err)
	}
	return t, nil
}
