// Package config is the program's own configuration: the file nerd.toml, below
// the context, below the environment, below the flags.
package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nerd-cli/nerd/pkg/contexts"
	"github.com/nerd-cli/nerd/pkg/state"
)

// DefaultFile is where the configuration is read from, unless $NERD_TOML says
// otherwise.
const DefaultFile = "/etc/nerd/nerd.toml"

// Config is what every command needs to know before it does anything. The tags
// are the keys of nerd.toml.
type Config struct {
	Address     string `toml:"address"`     // containerd's socket; empty: look for one, then the managed engine
	Namespace   string `toml:"namespace"`   // containerd's namespace
	DataRoot    string `toml:"data_root"`   // what survives a reboot
	RunRoot     string `toml:"run_root"`    // what does not
	Snapshotter string `toml:"snapshotter"` // empty: containerd's usual one
	Debug       bool   `toml:"debug"`

	// ForceForeign lets verbs change containers that others made. It is asked for
	// by a flag each time and is no setting of the file.
	ForceForeign bool `toml:"-"`

	// DockerConfig is the folder of Docker's config.json, which holds the
	// credentials for registries.
	DockerConfig       string   `toml:"docker_config"`
	HostsDirs          []string `toml:"hosts_dirs"`          // folders of hosts.toml files; empty: the usual ones
	NetworkDirs        []string `toml:"network_dirs"`        // folders whose CNI conflists are networks too
	InsecureRegistries []string `toml:"insecure_registries"` // HOST or HOST:PORT whose TLS is not verified; * is all

	DefaultRuntime string             `toml:"default_runtime"` // OCI runtime; empty: runc
	Runtimes       map[string]Runtime `toml:"runtimes"`
	CDIDirs        []string           `toml:"cdi_dirs"` // descriptions of devices; empty: /etc/cdi and /var/run/cdi

	Log Log `toml:"log"` // of containers that ask for no log driver

	LogLevel string `toml:"log_level"` // empty: errors only

	Init       bool   `toml:"init"`        // --init for containers that do not say
	InitBinary string `toml:"init_binary"` // the program of --init; empty: nerd-init

	// Remote is ssh://[USER@]HOST[:PORT] of the machine to work on; empty: this one.
	// It comes from an address of this form.
	Remote string `toml:"-"`
	// Context is the name of the context that is in force.
	Context string `toml:"-"`

	origins origins
	ignored []Value // of nerdctl's file
}

// Runtime is an OCI runtime.
type Runtime struct {
	Path    string         `toml:"path"`    // program that takes runc's arguments
	Type    string         `toml:"type"`    // shim, such as io.containerd.runsc.v1; empty: runc's
	Options map[string]any `toml:"options"` // of the shim, by containerd's names
}

// Log is where containers' output goes if they do not say.
type Log struct {
	Driver string            `toml:"driver"` // empty: json-file
	Opts   map[string]string `toml:"opts"`   // as --log-opt; for containers with this driver
}

// Flags are the values of the command line; nil means not given.
type Flags struct {
	Address, Context, Namespace, DataRoot, RunRoot, Snapshotter, LogLevel, DockerConfig *string
	Debug, ForceForeign                                                                 *bool
	// HostsDirs take the place of those of the file.
	HostsDirs []string
	// InsecureRegistry treats every registry as listed in insecure_registries.
	InsecureRegistry bool
}

// LookupEnv finds an environment variable, like os.LookupEnv.
type LookupEnv func(string) (string, bool)

// get is the value of a variable; one that is empty counts as not set.
func (env LookupEnv) get(name string) string {
	value, _ := env(name)
	return value
}

// setting is a text that file, context, environment and command line can give.
type setting struct {
	key   string
	value *string
	names []string // of variables, the one that wins first
	flag  string
	given *string // by the flag
}

func (c *Config) settings(f Flags) []setting {
	return []setting{
		{"address", &c.Address, []string{"NERD_ADDRESS", "CONTAINERD_ADDRESS"}, "address", f.Address},
		{"namespace", &c.Namespace, []string{"NERD_NAMESPACE", "CONTAINERD_NAMESPACE"}, "namespace", f.Namespace},
		{"data_root", &c.DataRoot, []string{"NERD_DATA_ROOT"}, "data-root", f.DataRoot},
		{"run_root", &c.RunRoot, []string{"NERD_RUN_ROOT"}, "run-root", f.RunRoot},
		{"snapshotter", &c.Snapshotter, []string{"NERD_SNAPSHOTTER", "CONTAINERD_SNAPSHOTTER"}, "snapshotter", f.Snapshotter},
		{"docker_config", &c.DockerConfig, []string{"DOCKER_CONFIG"}, "config", f.DockerConfig},
		{"log_level", &c.LogLevel, nil, "log-level", f.LogLevel},
	}
}

// Load merges nerdctl's file, nerd's file, the context, the environment and the
// flags, in that order, so that the last one wins. A missing file is no error
// unless $NERD_TOML names it.
func Load(flags Flags, env LookupEnv) (*Config, error) {
	c := &Config{origins: origins{}}
	if path := env.get("NERDCTL_TOML"); path != "" {
		if err := c.readNerdctl(path); err != nil {
			return nil, err
		}
	}
	path, named := env.get("NERD_TOML"), true
	if path == "" {
		path, named = DefaultFile, false
	}
	if err := c.readFile(path, named); err != nil {
		return nil, err
	}
	chosen, err := c.chooseContext(flags, env)
	if err != nil {
		return nil, err
	}
	if flags.Context == nil {
		c.applyContext(chosen)
	}
	for _, s := range c.settings(flags) {
		for _, name := range s.names {
			if value := env.get(name); value != "" {
				c.set(s.key, s.value, value, "environment "+name)
				break
			}
		}
	}
	if flags.Context != nil {
		c.applyContext(chosen)
	}
	c.applyFlags(flags)
	if strings.HasPrefix(c.Address, sshScheme) {
		if c.Remote, err = contexts.CheckHost(c.Address); err != nil {
			return nil, err
		}
		c.Address = ""
	}
	c.defaults(env)
	return c, nil
}

// sshScheme begins the address of another machine.
const sshScheme = "ssh://"

// userFolder is where a user keeps what is nerd's; empty without a home.
func userFolder(env LookupEnv) string {
	if dir := env.get("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "nerd")
	}
	if home := env.get("HOME"); home != "" {
		return filepath.Join(home, ".config", "nerd")
	}
	return ""
}

// Contexts is the user's store of contexts.
func Contexts(env LookupEnv) contexts.Store {
	dir := userFolder(env)
	if dir != "" {
		dir = filepath.Join(dir, "contexts")
	}
	return contexts.Store{Dir: dir}
}

// chooseContext finds the context that is in force by Docker's rules: an address
// that is given otherwise leaves no room for one, unless a flag asks for it.
func (c *Config) chooseContext(flags Flags, env LookupEnv) (contexts.Context, error) {
	c.Context, c.origins["context"] = contexts.Default, DefaultOrigin
	store := Contexts(env)
	switch {
	case flags.Context != nil:
		if flags.Address != nil && *flags.Context != contexts.Default {
			return contexts.Context{}, errors.New("conflicting options: either specify --host or --context, not both")
		}
		c.Context, c.origins["context"] = *flags.Context, "flag --context"
	case flags.Address != nil || env.get("NERD_ADDRESS") != "" || env.get("CONTAINERD_ADDRESS") != "":
	case env.get("NERD_CONTEXT") != "":
		c.Context, c.origins["context"] = env.get("NERD_CONTEXT"), "environment NERD_CONTEXT"
	default:
		current, err := store.Current()
		if err != nil {
			return contexts.Context{}, fmt.Errorf("current context: %w", err)
		}
		if c.Context = current; current != contexts.Default {
			c.origins["context"] = "nerd context use"
		}
	}
	return store.Get(c.Context)
}

func (c *Config) applyContext(x contexts.Context) {
	origin := "context " + x.Name
	c.set("address", &c.Address, x.Host, origin)
	c.set("namespace", &c.Namespace, x.Namespace, origin)
	c.set("data_root", &c.DataRoot, x.DataRoot, origin)
	c.set("run_root", &c.RunRoot, x.RunRoot, origin)
	c.set("snapshotter", &c.Snapshotter, x.Snapshotter, origin)
}

// set gives a setting a value and notes where it comes from. An empty value
// leaves it as it is.
func (c *Config) set(key string, field *string, value, origin string) {
	if value != "" {
		*field = value
		c.origins[key] = origin
	}
}

// defaults fills in what nothing has set.
func (c *Config) defaults(env LookupEnv) {
	for _, d := range []struct {
		field *string
		value string
	}{{&c.Namespace, state.DefaultNamespace}, {&c.DataRoot, state.DefaultDataRoot}, {&c.RunRoot, state.DefaultRunRoot}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if home := env.get("HOME"); c.DockerConfig == "" && home != "" {
		c.DockerConfig = filepath.Join(home, ".docker")
	}
	if len(c.HostsDirs) > 0 {
		return
	}
	c.HostsDirs = []string{"/etc/containerd/certs.d", "/etc/docker/certs.d"}
	if user := userFolder(env); user != "" {
		c.HostsDirs = append([]string{filepath.Join(user, "certs.d")}, c.HostsDirs...)
	}
}

// applyFlags sets what the command line gives; a flag may also empty a setting.
func (c *Config) applyFlags(f Flags) {
	for _, s := range c.settings(f) {
		if s.given != nil {
			*s.value = *s.given
			c.origins[s.key] = "flag --" + s.flag
		}
	}
	if len(f.HostsDirs) > 0 {
		c.HostsDirs = f.HostsDirs
		c.origins["hosts_dirs"] = "flag --hosts-dir"
	}
	if f.InsecureRegistry {
		c.InsecureRegistries = append(c.InsecureRegistries, "*")
		c.origins["insecure_registries"] = "flag --insecure-registry"
	}
	if f.Debug != nil {
		c.Debug = *f.Debug
		c.origins["debug"] = "flag --debug"
	}
	if f.ForceForeign != nil {
		c.ForceForeign = *f.ForceForeign
	}
}
