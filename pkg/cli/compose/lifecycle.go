package compose

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

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
		if err == nil {
			p, err = selectServices(p, args, false)
		}
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
