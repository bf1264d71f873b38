package compose

import (
	"context"
	"errors"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
)

// BuildOptions are the inputs of `build`.
type BuildOptions struct {
	*Project
	Services                               []string
	Args                                   []string
	Builder, Memory                        string
	Build                                  compose.BuildOptions
	Check, Print, Push, Quiet, WithDepends bool
}

func newCmdBuild(g *Project) *cobra.Command {
	o := &BuildOptions{Project: g}
	cmd := verb("build [OPTIONS] [SERVICE...]", "Build or rebuild the images of services", anyArgs, nil)
	cmd.Example = "  nerd compose build --pull web\n  nerd compose build --build-arg VERSION=2 --push"
	fs := cmd.Flags()
	fs.StringArrayVar(&o.Args, "build-arg", nil, "Argument of the builds, NAME=VALUE, or NAME to take that of the environment")
	fs.StringVar(&o.Builder, "builder", "", "Builder to use: each namespace has one, default")
	fs.BoolVar(&o.Check, "check", false, "Check the Dockerfiles instead of building")
	fs.StringVarP(&o.Memory, "memory", "m", "", "No effect: BuildKit sets no limit")
	fs.BoolVar(&o.Build.NoCache, "no-cache", false, "Do not use what earlier builds have left")
	fs.BoolVar(&o.Print, "print", false, "Print the builds as a bake file instead of building")
	fs.StringVar(&o.Build.Provenance, "provenance", "", "Add an attestation of how the image was built")
	fs.BoolVar(&o.Build.Pull, "pull", false, "Ask registries for newer images to build on")
	fs.BoolVar(&o.Push, "push", false, "Push the images afterwards")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show progress")
	fs.StringVar(&o.Build.SBOM, "sbom", "", "Add a list of what is in the image")
	fs.StringArrayVar(&o.Build.SSH, "ssh", nil, `Agent or keys for the builds: default, NAME or NAME=SOCKET|KEY`)
	fs.BoolVar(&o.WithDepends, "with-dependencies", false, "Build the images of dependencies too")
	for _, name := range []string{"compress", "force-rm", "no-rm"} {
		fs.Bool(name, false, "No effect: BuildKit leaves nothing behind")
		_ = fs.MarkHidden(name)
	}
	fs.Bool("parallel", true, "No effect: images are built at a time")
	_ = fs.MarkHidden("parallel")
	fs.StringVar(&g.Progress, "progress", "auto", "The same before the command")
	_ = fs.MarkHidden("progress")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Services = args
		if err := errors.Join(o.complete(), g.check()); err != nil {
			return flagx.FlagError(cmd, err)
		}
		return runBuild(cmd.Context(), o)
	}
	return cmd
}

func (o *BuildOptions) complete() error {
	if o.Builder != "" && o.Builder != "default" {
		return fmt.Errorf("no builder %q found: each namespace has one, \"default\"", o.Builder)
	}
	if o.Memory != "" {
		o.warn("--memory has no effect: BuildKit does not know it")
	}
	o.Build.Args = buildArgs(o.Args)
	return nil
}

func runBuild(ctx context.Context, o *BuildOptions) error {
	if !o.Print && !o.DryRun {
		if err := o.needBuilder(); err != nil {
			return err
		}
	}
	p, err := o.load(ctx, func(lo *compose.LoadOptions) { lo.NoCheck = true })
	if err == nil {
		p, err = selectToBuild(p, o.Services, o.WithDepends)
	}
	if err != nil {
		return err
	}
	plan := compose.PlanBuilds(p, &compose.Observed{}, compose.BuildChoice{All: true})
	switch {
	case len(plan.Actions) == 0:
		o.warn("No services to build")
		return nil
	case o.Print:
		return printBake(o, p, plan)
	case o.DryRun:
		_, err := fmt.Fprint(o.IO.Out, plan)
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	run := buildRun{flags: o.Build, quiet: o.Quiet}
	if o.Check {
		run.call = "lint"
	}
	if err := s.build(ctx, p, &compose.Observed{}, plan, run); err != nil || !o.Push || o.Check {
		return err
	}
	return s.push(ctx, p, PushOptions{Project: o.Project, Quiet: o.Quiet})
}

// selectToBuild is the project with the services that are named, those that their
// builds are made of, and, if wanted, those that they depend on.
func selectToBuild(p *types.Project, names []string, depends bool) (*types.Project, error) {
	if len(names) == 0 {
		return p, nil
	}
	if depends {
		return selectServices(p, names, false)
	}
	if err := checkServices(p, names); err != nil {
		return nil, err
	}
	all, err := p.WithServicesEnabled(names...)
	if err != nil {
		return nil, err
	}
	return all.WithSelectedServices(compose.WithBuildContexts(all, names), types.IgnoreDependencies)
}
