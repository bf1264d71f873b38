package compose

import (
	"context"
	"fmt"

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
		return e.Apply(ctx, plan)
	}
	return s.carryOut(ctx, e, plan)
}

func newCmdPull(g *Project) *cobra.Command {
	var quiet, ignoreFailures, ignoreBuildable, deps bool
	var policy string
	cmd := verb("pull [OPTIONS] [SERVICE...]", "Pull the images of services", anyArgs, func(ctx context.Context, args []string) error {
		if policy != compose.PullAlways && policy != compose.PullMissing {
			return fmt.Errorf("invalid value %q for --policy: use always or missing", policy)
		}
		p, err := g.load(ctx, func(o *compose.LoadOptions) { o.NoCheck = true })
		if err == nil {
			p, err = selectServices(p, args, !deps)
		}
		if err != nil {
			return err
		}
		err = runPull(ctx, g, p, policy, quiet, ignoreBuildable)
		if ignoreFailures && err != nil && ctx.Err() == nil {
			g.warn(err.Error())
			return nil
		}
		return err
	})
	fs := cmd.Flags()
	fs.BoolVar(&ignoreBuildable, "ignore-buildable", false, "Leave out images that can be built")
	fs.BoolVar(&ignoreFailures, "ignore-pull-failures", false, "Pull what can be pulled and warn of the rest")
	fs.BoolVar(&deps, "include-deps", false, "Pull the images of dependencies too")
	fs.StringVar(&policy, "policy", compose.PullAlways, `Which images to pull: "missing" or "always"`)
	fs.BoolVarP(&quiet, "quiet", "q", false, "Do not show progress")
	return cmd
}

func runPull(ctx context.Context, g *Project, p *types.Project, policy string, quiet, ignoreBuildable bool) error {
	s, err := g.open(ctx)
	if err != nil {
		return err
	}
	observed, err := compose.Observe(ctx, s.backend, p.Name, p)
	if err != nil {
		return err
	}
	for name, svc := range p.Services {
		if svc.Build != nil && (ignoreBuildable || svc.Image == "") {
			delete(p.Services, name)
		}
	}
	plan, err := compose.PlanImages(p, observed, policy)
	if err != nil {
		return err
	}
	if g.DryRun {
		_, err := fmt.Fprint(g.IO.Out, plan)
		return err
	}
	return s.pull(ctx, p, observed, plan, quiet)
}
