package compose

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// selected is the project with the services that are asked for and, unless told
// otherwise, what they depend on.
func (o *UpOptions) selected(ctx context.Context) (*types.Project, error) {
	p, err := o.load(ctx, func(lo *compose.LoadOptions) { lo.Profiles = o.Profiles })
	if err != nil {
		return nil, err
	}
	if p, err = selectServices(p, o.Up.Services, o.NoDeps); err != nil {
		return nil, err
	}
	for _, text := range o.Scale {
		name, number, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 {
			return nil, fmt.Errorf("invalid --scale option %q: should be SERVICE=NUM", text)
		}
		s, err := p.GetService(name)
		if err != nil {
			return nil, err
		}
		if s.ContainerName != "" && n > 1 {
			return nil, fmt.Errorf("service %q: a container_name can be given to one container only, not to %d", name, n)
		}
		s.SetScale(n)
		p.Services[name] = s
	}
	return p, nil
}

// selectServices enables the named services, whatever their profile, and leaves
// out what they do not need. No names: all.
func selectServices(p *types.Project, names []string, noDeps bool) (*types.Project, error) {
	if len(names) == 0 {
		return p, nil
	}
	if err := checkServices(p, names); err != nil {
		return nil, err
	}
	p, err := p.WithServicesEnabled(names...)
	if err != nil {
		return nil, err
	}
	if noDeps {
		return p.WithSelectedServices(names, types.IgnoreDependencies)
	}
	return p.WithSelectedServices(names)
}

// apply plans and carries out, with nobody else at the project.
func (o *UpOptions) apply(ctx context.Context, s *session, p *types.Project) error {
	lock, err := s.lock(ctx, p.Name)
	if err != nil {
		return err
	}
	defer release(lock)
	have, err := s.obtain(ctx, p, o.Obtain)
	if err != nil {
		return err
	}
	plan, err := compose.PlanUp(p, have.observed, o.Up)
	if err != nil {
		return err
	}
	for _, w := range plan.Warnings {
		o.warn(w)
	}
	if o.DryRun {
		_, err := fmt.Fprintf(o.IO.Out, "%s%s", have.plans, plan)
		return err
	}
	return s.carryOut(ctx, s.executor(p.Name, p, have.observed), plan, compose.Unchanged(p, have.observed, plan)...)
}

// carryOut applies a plan and shows how far it has come. What is told already is
// about what stays as it is.
func (s *session) carryOut(ctx context.Context, e *compose.Executor, plan *compose.Plan, told ...compose.Event) error {
	progress, end := s.show()
	defer end()
	e.Progress = progress
	for _, event := range told {
		if progress != nil {
			progress(event)
		}
	}
	return e.Apply(ctx, plan)
}
