// Package compose is the commands on Compose projects, one file per verb. It is
// linked into nerd-compose alone.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
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
}

func (g *Project) register(cmd *cobra.Command) {
	fs := cmd.Flags() // before the command, where -f and -p are not yet the command's own
	fs.StringArrayVarP(&g.Files, "file", "f", nil, "Compose configuration files; - is the standard input")
	fs.StringVarP(&g.Name, "project-name", "p", "", "Project name")
	fs.StringArrayVar(&g.Profiles, "profile", nil, "Profile to enable")
	fs.StringArrayVar(&g.EnvFiles, "env-file", nil, "Environment file for the variables of the configuration")
	fs.StringVar(&g.Dir, "project-directory", "", "Folder that paths are relative to (default: that of the first configuration file)")
	fs.StringVar(&g.oldDir, "workdir", "", "Older name of --project-directory")
	_ = fs.MarkHidden("workdir")
	cmd.PersistentFlags().BoolVar(&g.DryRun, "dry-run", false, "Print what would be done, and why, and do nothing")
	fs.BoolVar(&g.Lenient, "lenient", false, "Warn of attributes that are not supported instead of stopping")
	fs.BoolVar(&g.AllRes, "all-resources", false, "Include networks and volumes that no service uses")
	fs.IntVar(&g.Parallel, "parallel", 0, "Number of steps at a time, -1 for no limit (default 16)")
	fs.StringVar(&g.Ansi, "ansi", "auto", `When to use colours: "never", "always", "auto"`)
	fs.StringVar(&g.Progress, "progress", "auto", `Kind of progress: "auto", "tty", "plain", "quiet"`)
	fs.BoolVar(&g.noAnsi, "no-ansi", false, "Older form of --ansi never")
	_ = fs.MarkHidden("no-ansi")
	fs.BoolVar(&g.compatibility, "compatibility", false, "Separate the words of container names by _, as Docker Compose 1 did")
}

// check refuses values that mean nothing.
func (g *Project) check() error {
	switch g.Ansi {
	case "auto", "never", "always":
	default:
		return fmt.Errorf("invalid value %q for --ansi: use never, always or auto", g.Ansi)
	}
	switch g.Progress {
	case "auto", "tty", "plain", "quiet":
	default:
		return fmt.Errorf("unsupported --progress value %q: use auto, tty, plain or quiet", g.Progress)
	}
	if g.compatibility {
		return errors.New("--compatibility: the names of Docker Compose 1 are not supported: use container_name for a container that needs one")
	}
	if g.noAnsi {
		g.Ansi = "never"
	}
	if g.Dir == "" {
		g.Dir = g.oldDir
	}
	return nil
}

// NewCmdCompose makes the group.
func NewCmdCompose(f *factory.Factory) *cobra.Command {
	g := &Project{IO: f.IO, Factory: f}
	var version bool
	group := &cobra.Command{
		Use:                   "compose [OPTIONS] COMMAND",
		Short:                 "Run multi-container applications from Compose files",
		Args:                  flagx.NoArgs,
		TraverseChildren:      true,
		DisableFlagsInUseLine: true,
		PersistentPreRunE:     func(*cobra.Command, []string) error { return g.check() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(g, false, "")
			}
			return cmd.Help()
		},
	}
	group.Flags().BoolVarP(&version, "version", "v", false, "Print the version")
	g.register(group)
	group.AddCommand(commands(g)...)
	return group
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
		Files: g.Files, Stdin: g.IO.In, ProjectName: g.Name, ProjectDir: g.Dir, Profiles: g.Profiles, EnvFiles: g.EnvFiles,
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
	return compose.Load(ctx, o)
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
