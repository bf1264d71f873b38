// Package compose is the commands on Compose projects, one file per verb. It is
// linked into nerd-compose alone.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Project is what the options of every command begin with: the flags before the
// command, and what is made of them.
type Project struct {
	IO      *iostreams.IOStreams
	Factory *factory.Factory

	Files, Profiles, EnvFiles []string
	Name, Dir, Ansi, Progress string
	Parallel                  int
	DryRun, Lenient, AllRes   bool
	compatibility, noAnsi     bool
	oldDir                    string

	builder Builder // nil: another program has it
	stdin   *remembering
}

// Group makes the group of a program that has a builder. Without one, nil, another
// program goes on with the commands that need it.
func Group(builder Builder) func(*factory.Factory) *cobra.Command {
	return func(f *factory.Factory) *cobra.Command { return NewCmdCompose(f, builder) }
}

// NewCmdCompose makes the group, see Group.
func NewCmdCompose(f *factory.Factory, builder Builder) *cobra.Command {
	g := &Project{IO: f.IO, Factory: f, builder: builder, stdin: &remembering{Reader: f.IO.In}}
	var version bool
	group := &cobra.Command{
		Use:                   "compose [OPTIONS] COMMAND",
		Short:                 "Run multi-container applications from Compose files",
		Args:                  knownCommand,
		TraverseChildren:      true,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(g, false, "")
			}
			return cmd.Help()
		},
	}
	group.Flags().BoolVarP(&version, "version", "v", false, "Print the version")
	g.register(group)
	group.PersistentPreRunE = func(*cobra.Command, []string) error {
		if err := g.fromEnv(group.Flags().Changed); err != nil {
			return err
		}
		return g.check()
	}
	group.AddCommand(commands(g)...)
	addRefused(group)
	addViz(g, group)
	return group
}

// knownCommand refuses words that are no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	err := flagx.NoArgs(cmd, args)
	var usage *flagx.UsageError
	if errors.As(err, &usage) {
		usage.Code = flagx.ExitComposeUsage
	}
	return err
}

// verb makes a command of the words that Docker Compose uses for it.
func verb(use, short string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
	}
}

// anyArgs takes any number of operands.
func anyArgs(*cobra.Command, []string) error { return nil }

// loadOptions are those that the global flags ask for.
func (g *Project) loadOptions() compose.LoadOptions {
	return compose.LoadOptions{
		Files: g.Files, Stdin: g.stdin, ProjectName: g.Name, ProjectDir: g.Dir, Profiles: g.Profiles, EnvFiles: g.EnvFiles,
		Env: os.Environ(), Lenient: g.Lenient, Warn: g.warn,
	}
}

func (g *Project) warn(text string) { fmt.Fprintln(g.IO.Err, "WARNING:", text) }

// load reads the project; change, if set, sees the options first.
func (g *Project) load(ctx context.Context, change func(*compose.LoadOptions)) (*types.Project, error) {
	o := g.loadOptions()
	if change != nil {
		change(&o)
	}
	quiet := g.hearLoader(o.Warn)
	defer quiet()
	p, err := compose.Load(ctx, o)
	if err == nil && g.compatibility {
		compose.WithOldNames(p)
	}
	return p, failed(err)
}

// failed gives an error of the loader Docker Compose's exit code: 14 if there is
// no file, 15 if it cannot be understood.
func failed(err error) error {
	code := 15
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errs.Code(err, -1) >= 0:
		return err
	case errors.Is(err, compose.ErrNoFile) || errors.Is(err, fs.ErrNotExist):
		code = 14
	}
	return &errs.Exit{Code: code, Err: err}
}

// hearLoader turns what the loader logs, such as a variable that is not set, into
// warnings. The returned function ends that.
func (g *Project) hearLoader(warn func(string)) func() {
	log := logrus.StandardLogger()
	level, out := log.GetLevel(), log.Out
	hooks := log.ReplaceHooks(logrus.LevelHooks{})
	log.SetLevel(logrus.WarnLevel)
	log.SetOutput(io.Discard)
	log.AddHook(listener{warn})
	return func() {
		log.ReplaceHooks(hooks)
		log.SetLevel(level)
		log.SetOutput(out)
	}
}

type listener struct{ warn func(string) }

func (listener) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

func (l listener) Fire(e *logrus.Entry) error {
	if l.warn != nil {
		l.warn(e.Message)
	}
	return nil
}

// named gives the project's name, and the project if there is a file. A name that
// was given is enough for commands that act on what there is.
func (g *Project) named(ctx context.Context) (string, *types.Project, error) {
	p, err := g.load(ctx, func(o *compose.LoadOptions) { o.NoCheck, o.AllProfiles = true, true })
	if err == nil {
		return p.Name, p, nil
	}
	name := g.Name
	if name == "" {
		name = os.Getenv("COMPOSE_PROJECT_NAME")
	}
	if name != "" && len(g.Files) == 0 && errors.Is(err, compose.ErrNoFile) {
		return name, nil, compose.CheckProjectName(name)
	}
	return "", nil, err
}

// session is a project on a containerd.
type session struct {
	*Project
	client  *nerd.Client
	backend compose.Backend
	layout  state.Layout
}

func (g *Project) open(ctx context.Context) (*session, error) {
	client, err := g.Factory.Client(ctx)
	if err != nil {
		return nil, err
	}
	return &session{g, client, compose.Backend{
		Containers: client.Containers, Images: client.Images, Networks: client.Networks, Volumes: client.Volumes,
	}, client.Layout}, nil
}

// lock keeps other changes of the project out. Whoever has to wait is told so.
func (s *session) lock(ctx context.Context, name string) (*state.Lock, error) {
	return state.AcquireLockOr(ctx, s.layout.ComposeLock(name), func() {
		fmt.Fprintf(s.IO.Err, "Waiting for another command that changes the project %s\n", name)
	})
}

// release gives the lock back; the kernel does when the program ends, anyway.
func release(l *state.Lock) { _ = l.Release() }

// executor carries plans for the project out.
func (s *session) executor(name string, p *types.Project, o *compose.Observed) *compose.Executor {
	return &compose.Executor{
		Backend: s.backend, Project: p, Observed: o, FilesDir: s.layout.Compose(name), Version: config.Version,
		EnvFiles: s.EnvFiles, Parallel: s.Parallel, Warn: s.warn,
	}
}

// checkServices refuses names that the project does not have.
func checkServices(p *types.Project, names []string) error {
	if p == nil {
		return nil
	}
	for _, n := range names {
		if _, ok := p.AllServices()[n]; !ok {
			return fmt.Errorf("no such service: %s", n)
		}
	}
	return nil
}

func join(words []string) string { return strings.Join(words, ", ") }
