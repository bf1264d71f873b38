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
