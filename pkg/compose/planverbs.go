package compose

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	apicontainer "github.com/moby/moby/api/types/container"
)

// PlanStop stops the containers of services, users before what they use. No
// services: all.
func PlanStop(p *types.Project, o *Observed, services []string, timeout *int) *Plan {
	return reversed(p, o, services, func(c *Container) (Action, bool) {
		return Action{Kind: Stop, Timeout: timeout}, c.Running() && !c.OneOff
	})
}

// PlanRemove removes the containers of services, those that run only with force.
func PlanRemove(p *types.Project, o *Observed, services []string, force, volumes bool) *Plan {
	return reversed(p, o, services, func(c *Container) (Action, bool) {
		return Action{Kind: Remove, Volumes: volumes}, !c.OneOff && (force || !c.Running())
	})
}

// reversed plans one step for each container, against the direction of dependency.
func reversed(p *types.Project, o *Observed, services []string, step func(*Container) (Action, bool)) *Plan {
	plan := &Plan{}
	steps := map[string][]int{}
	for _, service := range stopOrder(p, o) {
		if len(services) > 0 && !slices.Contains(services, service) {
			continue
		}
		for i := range o.Containers {
			c := &o.Containers[i]
			if c.Service != service {
				continue
			}
			a, ok := step(c)
			if !ok {
				continue
			}
			a.Name, a.Container, a.Service = c.Name, c, serviceOf(p, service)
			for _, user := range usersOf(p, o, service) {
				a.Needs = append(a.Needs, steps[user]...)
			}
			steps[service] = append(steps[service], plan.add(a))
		}
	}
	return plan
}

// PlanStart starts the containers of services, and waits for what the file says
// they depend on. No services: all.
func PlanStart(p *types.Project, o *Observed, services []string) *Plan {
	return forward(p, o, services, func(c *Container) (Action, bool) {
		return Action{Kind: Start}, !c.OneOff && !c.Running()
	})
}

// PlanRestart restarts the containers of services, also those that do not run.
func PlanRestart(p *types.Project, o *Observed, services []string, timeout *int) *Plan {
	return forward(p, o, services, func(c *Container) (Action, bool) {
		return Action{Kind: Restart, Timeout: timeout}, !c.OneOff && c.State != apicontainer.StatePaused
	})
}

// forward plans one step for each container, after those of what it depends on.
func forward(p *types.Project, o *Observed, services []string, step func(*Container) (Action, bool)) *Plan {
	plan := &Plan{}
	steps := map[string][]int{}
	order := stopOrder(p, o)
	slices.Reverse(order)
	for _, service := range order {
		if len(services) > 0 && !slices.Contains(services, service) {
			continue
		}
		for i := range o.Containers {
			c := &o.Containers[i]
			if c.Service != service {
				continue
			}
			a, ok := step(c)
			if !ok {
				continue
			}
			a.Name, a.Container, a.Service, a.Number = c.Name, c, serviceOf(p, service), c.Number
			a.Needs = dependencySteps(plan, p, c, steps)
			steps[service] = append(steps[service], plan.add(a))
		}
	}
	return plan
}

// dependencySteps are the steps that a container's start waits for.
func dependencySteps(plan *Plan, p *types.Project, c *Container, steps map[string][]int) []int {
	var needs []int
	s := serviceOf(p, c.Service)
	if s == nil {
		for _, name := range parseDependsOn(c.Labels[LabelDependsOn]) {
			needs = append(needs, steps[name]...)
		}
		return needs
	}
	for _, name := range sortedKeys(s.DependsOn) {
		d := s.DependsOn[name]
		needs = append(needs, steps[name]...)
		if len(steps[name]) == 0 || d.Condition == types.ServiceConditionStarted || d.Condition == "" {
			continue
		}
		needs = append(needs, plan.add(Action{
			Kind: Await, Name: name, Service: serviceOf(p, name), Condition: d.Condition, Optional: !d.Required, Needs: steps[name],
			Reason: s.Name + " depends on it",
		}))
	}
	return needs
}
