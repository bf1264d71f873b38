package compose

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/container"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
	domain "github.com/nerd-cli/nerd/pkg/container"
)

// RunOptions are the inputs of `run`.
type RunOptions struct {
	UpOptions
	Service                           string
	Command                           []string
	Env, EnvFiles, Labels, CapAdd     []string
	CapDrop, Publish, Volumes         []string
	Entrypoint, Name, User, WorkDir   string
	Remove, ServicePorts, UseAliases  bool
	NoTTY, Interactive, entrypointSet bool
	Quiet                             bool
}

func newCmdRun(g *Project) *cobra.Command {
	o := &RunOptions{UpOptions: UpOptions{Project: g}}
	cmd := verb("run [OPTIONS] SERVICE [COMMAND] [ARGS...]", "Run a command in a new container of a service", flagx.MinArgs(1), nil)
	cmd.Example = "  nerd compose run --rm web sh\n  nerd compose run --rm -T migrate ./migrate up"
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	o.register(fs)
	terminal := terminalFlags(g, fs, &o.NoTTY)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Service, o.Command, o.entrypointSet = args[0], args[1:], fs.Changed("entrypoint")
		if err := o.complete(fs); err != nil {
			return flagx.FlagError(cmd, err)
		}
		if len(o.Publish) > 0 && o.ServicePorts {
			return flagx.FlagError(cmd, errors.New("--service-ports and --publish are incompatible"))
		}
		return runRun(cmd.Context(), o, terminal())
	}
	return cmd
}

func (o *RunOptions) register(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Obtain.Builds.All, "build", false, "Build the image first")
	fs.Var(opts.NewListOptsRef(&o.CapAdd, nil), "cap-add", "Add a capability")
	fs.Var(opts.NewListOptsRef(&o.CapDrop, nil), "cap-drop", "Take a capability away")
	fs.BoolVarP(&o.Detach, "detach", "d", false, "Run in the background and print the container's name")
	fs.StringVar(&o.Entrypoint, "entrypoint", "", "Run this instead of the image's entrypoint")
	fs.StringArrayVarP(&o.Env, "env", "e", nil, "Environment variable, NAME=VALUE, or NAME to take it over")
	fs.StringArrayVar(&o.EnvFiles, "env-from-file", nil, "File of environment variables")
	fs.BoolVarP(&o.Interactive, "interactive", "i", true, "Attach standard input")
	fs.StringArrayVarP(&o.Labels, "label", "l", nil, "Add a label")
	fs.StringVar(&o.Name, "name", "", "Name of the container")
	fs.BoolVar(&o.NoDeps, "no-deps", false, "Do not start what the service depends on")
	fs.StringArrayVarP(&o.Publish, "publish", "p", nil, "Publish a port")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Print the output of the container alone")
	o.Obtain.register(fs)
	fs.BoolVar(&o.Up.RemoveOrphans, "remove-orphans", false, "Remove containers of services that are not in the file")
	fs.BoolVar(&o.Remove, "rm", false, "Remove the container when it ends")
	fs.BoolVarP(&o.ServicePorts, "service-ports", "P", false, "Publish the ports of the service")
	fs.BoolVar(&o.UseAliases, "use-aliases", false, "Answer to the service's names on its networks")
	fs.StringVarP(&o.User, "user", "u", "", "User, and group after a colon, by name or number")
	fs.StringArrayVarP(&o.Volumes, "volume", "v", nil, "Mount a volume or a folder")
	fs.StringArrayVar(&o.Labels, "labels", nil, "Older name of --label")
	fs.StringArrayVar(&o.Volumes, "volumes", nil, "Older name of --volume")
	_ = fs.MarkHidden("labels")
	_ = fs.MarkHidden("volumes")
	fs.StringVarP(&o.WorkDir, "workdir", "w", "", "Folder to start in")
}

func runRun(ctx context.Context, o *RunOptions, terminal bool) error {
	o.Up.Services = []string{o.Service}
	p, err := o.selected(ctx)
	if err != nil {
		return err
	}
	svc, err := o.service(p, terminal)
	if err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	create, err := o.prepare(ctx, s, p, svc)
	if err != nil || o.DryRun {
		return err
	}
	c := create.Config
	c.AttachStdin, c.StdinOnce = c.OpenStdin, c.OpenStdin
	c.AttachStdout, c.AttachStderr = !o.Detach, !o.Detach
	create.HostConfig.AutoRemove = o.Remove
	return container.Run(ctx, s.Factory, create, o.Detach)
}

// prepare makes what the container needs, with nobody else at the project, and
// describes it.
func (o *RunOptions) prepare(ctx context.Context, s *session, p *types.Project, svc *types.ServiceConfig) (domain.CreateOptions, error) {
	none := domain.CreateOptions{}
	lock, err := s.lock(ctx, p.Name)
	if err != nil {
		return none, err
	}
	defer release(lock)
	have, err := s.obtain(ctx, p, o.Obtain)
	if err != nil {
		return none, err
	}
	o.Up.IgnoreOrphans = true
	plan, err := compose.PlanRun(p, have.observed, o.Service, o.Up)
	if err != nil {
		return none, err
	}
	if o.DryRun {
		_, err := fmt.Fprintf(o.IO.Out, "%s%srun a container of %s\n", have.plans, plan, o.Service)
		return none, err
	}
	e := s.executor(p.Name, p, have.observed)
	if o.Quiet {
		err = e.Apply(ctx, plan)
	} else {
		err = s.carryOut(ctx, e, plan)
	}
	if err != nil {
		return none, err
	}
	slug := make([]byte, 32)
	if _, err := rand.Read(slug); err != nil {
		return none, err
	}
	text := hex.EncodeToString(slug)
	name := o.Name
	if name == "" {
		name = compose.Joined(p, o.Service, "run", text[:12])
	}
	return e.OneOff(svc, name, text)
}
