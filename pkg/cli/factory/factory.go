// Package factory hands each command what it needs, made when it is first asked
// for: help, completion and a bad flag never read a file or reach containerd.
package factory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/containerd/log"
	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/contexts"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// Factory is what every command is constructed with.
type Factory struct {
	IO      *iostreams.IOStreams
	Signals *Signals
	// Args is the command line after the program's name, as it was typed.
	Args []string
	// Program is the path of nerd where another of its programs runs; empty: this one.
	Program string
	// Flags are the global flags that were given.
	Flags func() config.Flags
	// Contexts is the user's store of contexts.
	Contexts func() contexts.Store
	// Config is the merged configuration.
	Config func() (*config.Config, error)
	// Client is the library, connected to containerd, which is started if need
	// be. It is made once and closed by Close.
	Client func(context.Context) (*nerd.Client, error)
	// Registry is the way to registries, for what needs no containerd.
	Registry func() (*registry.Resolver, error)
	// ImageTools are the libraries of nerd-image; nil in every other program.
	ImageTools imagetools.Tools
	// Close ends what Client made. It is called once, after the command.
	Close func()
}

// New makes a Factory whose configuration comes from the file, env and flags;
// flags is asked only once the command line has been parsed.
func New(streams *iostreams.IOStreams, env config.LookupEnv, flags func() config.Flags) *Factory {
	f := &Factory{IO: streams, Signals: &Signals{}, Flags: flags}
	f.Contexts = func() contexts.Store { return config.Contexts(env) }
	f.Config = sync.OnceValues(func() (*config.Config, error) {
		cfg, err := config.Load(flags(), env)
		if err != nil {
			return nil, err
		}
		return cfg, setLogLevel(cfg)
	})
	f.Registry = func() (*registry.Resolver, error) {
		cfg, err := f.Config()
		if err != nil {
			return nil, err
		}
		return nerd.NewRegistry(nerd.Config{DockerConfigDir: cfg.DockerConfig, HostsDirs: cfg.HostsDirs, Insecure: cfg.InsecureRegistries}), nil
	}
	var (
		mu     sync.Mutex
		client *nerd.Client
	)
	f.Client = func(ctx context.Context) (*nerd.Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if client != nil {
			return client, nil
		}
		cfg, err := f.Config()
		if err != nil {
			return nil, err
		}
		c, err := open(ctx, cfg, f.Program)
		if err == nil {
			client = c
		}
		return c, err
	}
	f.Close = func() {
		mu.Lock()
		defer mu.Unlock()
		if client != nil {
			_ = client.Close()
			client = nil
		}
	}
	return f
}

// setLogLevel keeps the libraries' warnings, such as containerd's about cgroup
// v1 at each connection, off the user's terminal unless asked for.
func setLogLevel(cfg *config.Config) error {
	level := "error"
	switch {
	case cfg.Debug:
		level = "debug"
	case cfg.LogLevel != "":
		level = cfg.LogLevel
	}
	if err := log.SetLevel(level); err != nil {
		return fmt.Errorf("log level %q: use trace, debug, info, warn, error, fatal or panic", level)
	}
	return nil
}

func open(ctx context.Context, cfg *config.Config, program string) (*nerd.Client, error) {
	if cfg.Remote != "" {
		return nil, fmt.Errorf("this command cannot be run on another machine (%s)", cfg.Remote)
	}
	if os.Geteuid() != 0 {
		return nil, notRoot()
	}
	helper, err := Helper(cfg, program)
	if err != nil {
		return nil, err
	}
	client, err := nerd.Open(ctx, nerd.Config{
		Address:     cfg.Address,
		Namespace:   cfg.Namespace,
		DataRoot:    cfg.DataRoot,
		RunRoot:     cfg.RunRoot,
		Snapshotter: cfg.Snapshotter,

		ForceForeign: cfg.ForceForeign,
		Helper:       helper,

		DockerConfigDir: cfg.DockerConfig,
		HostsDirs:       cfg.HostsDirs,
		NetworkDirs:     cfg.NetworkDirs,
		Insecure:        cfg.InsecureRegistries,
		Log:             apicontainer.LogConfig{Type: cfg.Log.Driver, Config: cfg.Log.Opts},
		Init:            container.Init{Binary: cfg.InitBinary, Default: cfg.Init},
		Runtimes:        runtimes(cfg),
		DefaultRuntime:  cfg.DefaultRuntime,
		CDIDirs:         cfg.CDIDirs,
	})
	if errors.Is(err, os.ErrPermission) {
		return nil, errs.WithHint(err, "run nerd as root, for instance with sudo")
	}
	return client, err
}

func runtimes(cfg *config.Config) map[string]container.Runtime {
	out := make(map[string]container.Runtime, len(cfg.Runtimes))
	for name, rt := range cfg.Runtimes {
		out[name] = container.Runtime{Path: rt.Path, Type: rt.Type, Options: rt.Options}
	}
	return out
}

// notRoot comes before anything is dialled: an ordinary user would otherwise
// read of a socket that may not be opened, or of an engine that cannot start.
func notRoot() error {
	return errs.WithHint(errors.New("root is needed to make containers"), "run nerd with sudo")
}

// Helper is the command by which a container's monitor calls back: this very
// program with the settings of this run, so that a monitor which outlives the
// caller's environment still finds the same containerd and the same folders.
// program is the path of nerd, empty if it is this one.
func Helper(cfg *config.Config, program string) ([]string, error) {
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("own executable: %w", err)
		}
	}
	argv := []string{program, "--context", contexts.Default, "--namespace", cfg.Namespace, "--data-root", cfg.DataRoot, "--run-root", cfg.RunRoot}
	if cfg.Address != "" {
		argv = append(argv, "--address", cfg.Address)
	}
	if cfg.Snapshotter != "" {
		argv = append(argv, "--snapshotter", cfg.Snapshotter)
	}
	return argv, nil
}
