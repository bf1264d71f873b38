package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/image"
)

// pull gets the images of a plan.
func (s *session) pull(ctx context.Context, p *types.Project, o *compose.Observed, plan *compose.Plan, quiet bool) error {
	e := s.executor(p.Name, p, o)
	e.Pull = func(ctx context.Context, svc *types.ServiceConfig, ref string) error {
		var want []ocispec.Platform
		if svc.Platform != "" {
			parsed, err := platforms.Parse(svc.Platform)
			if err != nil {
				return err
			}
			want = append(want, parsed)
		}
		_, err := s.client.Images.Pull(ctx, ref, image.PullOptions{Platforms: want})
		return err
	}
	if quiet {
		return withCode(codePull, e.Apply(ctx, plan))
	}
	return withCode(codePull, s.carryOut(ctx, e, plan))
}

// PullOptions are the inputs of `pull`.
type PullOptions struct {
	*Project
	Policy                                          string
	IgnoreBuildable, IgnoreFailures, Quiet, Depends bool
}

func newCmdPull(g *Project) *cobra.Command {
	o := &PullOptions{Project: g}
	cmd := verb("pull [OPTIONS] [SERVICE...]", "Pull the images of services", anyArgs, func(ctx context.Context, args []string) error {
		if o.Policy != compose.PullAlways && o.Policy != compose.PullMissing {
			return fmt.Errorf("invalid value %q for --policy: use always or missing", o.Policy)
		}
		p, err := g.load(ctx, func(lo *compose.LoadOptions) { lo.NoCheck = true })
		if err == nil {
			p, err = selectServices(p, args, !o.Depends)
		}
		if err != nil {
			return err
		}
		err = runPull(ctx, o, p)
		if o.IgnoreFailures && err != nil && ctx.Err() == nil {
			g.warn(err.Error())
			return nil
		}
		return err
	})
	fs := cmd.Flags()
	fs.BoolVar(&o.IgnoreBuildable, "ignore-buildable", false, "Leave out images that can be built")
	fs.BoolVar(&o.IgnoreFailures, "ignore-pull-failures", false, "Pull what can be pulled and warn of the rest")
	fs.BoolVar(&o.Depends, "include-deps", false, "Pull the images of dependencies too")
	fs.StringVar(&o.Policy, "policy", compose.PullAlways, `Which images to pull: "missing" or "always"`)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show progress")
	for _, name := range []string{"parallel", "no-parallel"} {
		fs.Bool(name, false, "No effect: images are pulled at a time")
		_ = fs.MarkHidden(name)
	}
	return cmd
}

func runPull(ctx context.Context, o *PullOptions, p *types.Project) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	observed, err := compose.Observe(ctx, s.backend, p.Name, p)
	if err != nil {
		return err
	}
	skipped := o.leaveOut(p)
	plan, err := compose.PlanImages(p, observed, o.Policy, compose.BuildChoice{})
	if err != nil {
		return err
	}
	if o.DryRun {
		_, err := fmt.Fprint(o.IO.Out, plan)
		return err
	}
	for i := range plan.Actions {
		plan.Actions[i].Optional = false // it was asked for
	}
	if show, end := s.show(); show != nil && !o.Quiet {
		for _, e := range skipped {
			show(e)
		}
		end()
	}
	err = s.pull(ctx, p, observed, plan, o.Quiet)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if names := buildable(p); len(names) > 0 {
		o.warn("Some service image(s) must be built from source by running:\n    nerd compose build " + strings.Join(names, " "))
	}
	return err
}

// leaveOut takes the services out of the project that have nothing to pull.
func (o *PullOptions) leaveOut(p *types.Project) []compose.Event {
	var out []compose.Event
	skip := func(name, why string) {
		out = append(out, compose.Event{ID: name, Status: "Skipped - " + why, Done: true})
		delete(p.Services, name)
	}
	seen := map[string]string{}
	for _, name := range p.ServiceNames() {
		svc := p.Services[name]
		ref := compose.ImageName(p, &svc)
		other, pulled := seen[ref]
		switch {
		case svc.Image == "":
			skip(name, "No image to be pulled")
		case svc.Build != nil && o.IgnoreBuildable:
			skip(name, "Image can be built")
		case svc.PullPolicy == types.PullPolicyNever || svc.PullPolicy == types.PullPolicyBuild:
			skip(name, "Pull policy is "+svc.PullPolicy)
		case pulled:
			skip(name, "Image is already being pulled by "+other)
		default:
			seen[ref] = name
		}
	}
	return out
}

// buildable lists the services whose images can be built.
func buildable(p *types.Project) []string {
	var out []string
	for _, name := range p.ServiceNames() {
		if p.Services[name].Build != nil {
			out = append(out, name)
		}
	}
	return out
}
