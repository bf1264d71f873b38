package compose

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

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
