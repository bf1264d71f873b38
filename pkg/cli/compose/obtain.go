package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/config"
)

// ObtainOptions say how the images are got that containers are made of.
type ObtainOptions struct {
	Policy                string // of pulls; empty: the file's
	Builds                compose.BuildChoice
	Build                 compose.BuildOptions
	QuietPull, QuietBuild bool
}

func (o *ObtainOptions) register(fs *pflag.FlagSet) {
	fs.StringVar(&o.Policy, "pull", "policy", `When to pull images: "always", "missing", "never", or as the file says: "policy"`)
	fs.BoolVar(&o.QuietPull, "quiet-pull", false, "Do not show the progress of pulls")
	fs.BoolVar(&o.QuietBuild, "quiet-build", false, "Do not show the progress of builds")
}

func (o *ObtainOptions) complete() error {
	switch o.Policy {
	case "policy", "":
		o.Policy = ""
	case compose.PullAlways, compose.PullMissing, compose.PullNever:
	case types.PullPolicyBuild:
		o.Policy, o.Builds.All = "", true
	default:
		return fmt.Errorf("invalid --pull option %q: use policy, always, missing or never", o.Policy)
	}
	if o.Builds.All && o.Builds.Never {
		return errors.New("--build and --no-build are incompatible")
	}
	return nil
}

// obtained is what there is once the images are there.
type obtained struct {
	observed *compose.Observed
	plans    string // what has been, or with --dry-run would be, pulled and built
}

// obtain pulls and builds images. Nothing is done with --dry-run.
func (s *session) obtain(ctx context.Context, p *types.Project, o ObtainOptions) (*obtained, error) {
	observed, err := compose.Observe(ctx, s.backend, p.Name, p)
	if err != nil {
		return nil, err
	}
	pulls, err := compose.PlanImages(p, observed, o.Policy, o.Builds)
	if err != nil {
		return nil, err
	}
	builds := compose.PlanBuilds(p, observed, o.Builds)
	out := &obtained{observed, pulls.String() + builds.String()}
	if s.DryRun || len(pulls.Actions)+len(builds.Actions) == 0 {
		return out, nil
	}
	if len(builds.Actions) > 0 {
		if err := s.needBuilder(); err != nil {
			return nil, err
		}
	}
	if len(pulls.Actions) > 0 {
		if err := s.pull(ctx, p, observed, pulls, o.QuietPull); err != nil {
			return nil, err
		}
		if observed, err = compose.Observe(ctx, s.backend, p.Name, p); err != nil {
			return nil, err
		}
		builds = compose.PlanBuilds(p, observed, o.Builds) // what could be pulled need not be
	}
	if len(builds.Actions) > 0 {
		o.Build.Here = true
		if err := s.build(ctx, p, observed, builds, buildRun{flags: o.Build, quiet: o.QuietBuild}); err != nil {
			return nil, err
		}
	}
	out.observed, err = compose.Observe(ctx, s.backend, p.Name, p)
	return out, err
}

// buildRun is how a plan of builds is carried out.
type buildRun struct {
	flags compose.BuildOptions
	call  string // asks about the builds instead
	quiet bool
}

// build carries a plan of builds out. The first that fails ends the others; when
// builds are only asked about, each is.
func (s *session) build(ctx context.Context, p *types.Project, o *compose.Observed, plan *compose.Plan, r buildRun) error {
	mode := s.buildProgress()
	if r.quiet || r.call != "" && mode == "auto" {
		mode = "quiet"
	}
	builds, err := s.builder.Open(ctx, s.Factory, mode, len(plan.Actions))
	if err != nil {
		return err
	}
	together, end := context.WithCancelCause(ctx)
	defer end(nil)
	e := s.executor(p.Name, p, o)
	e.Build = func(_ context.Context, svc *types.ServiceConfig, _ string) error {
		opts, err := compose.BuildSpec(p, svc, r.flags, config.Version)
		if err != nil {
			return err
		}
		opts.Call = r.call
		_, err = builds.Build(together, svc.Name, opts)
		switch {
		case err == nil || r.call != "":
			return err
		case together.Err() != nil:
			return context.Canceled // by another one's failure, or by the user
		}
		end(fmt.Errorf("service %q: %w", svc.Name, err))
		return context.Canceled
	}
	err = e.Apply(ctx, plan)
	if cause := context.Cause(together); cause != nil && ctx.Err() == nil {
		err = withCode(codeBuild, cause)
	}
	return errors.Join(err, builds.Close())
}

// buildProgress is the builder's word for what --progress and --ansi ask for.
func (g *Project) buildProgress() string {
	mode := g.Progress
	if mode == "json" {
		mode = "rawjson"
	}
	if env := os.Getenv("BUILDKIT_PROGRESS"); mode == "auto" && env != "" {
		mode = env
	}
	if mode == "auto" && g.Ansi == "never" {
		mode = "plain"
	}
	return mode
}

// buildArgs reads NAME=VALUE and NAME of --build-arg.
func buildArgs(values []string) types.MappingWithEquals {
	out := types.MappingWithEquals{}
	for _, text := range values {
		name, value, ok := strings.Cut(text, "=")
		if out[name] = nil; ok {
			out[name] = &value
		}
	}
	return out
}
