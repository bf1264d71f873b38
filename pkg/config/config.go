// Package config is the program's own configuration: the file nerd.toml, below
// the environment, below the flags.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

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
	Address, Namespace, DataRoot, RunRoot, Snapshotter, LogLevel *string
	Debug, ForceForeign                                          *bool
	// HostsDirs take the place of those of the file.
	HostsDirs []string
	// InsecureRegistry treats every registry as listed in insecure_registries.
	InsecureRegistry bool
}

// LookupEnv finds an environment variable, like os.LookupEnv.
type LookupEnv func(string) (string, bool)

// variables lists the environment of each setting, the one that wins first.
func (c *Config) variables() []struct {
	field *string
	names []string
} {
	return []struct {
		field *string
		names []string
	}{
		{&c.Address, []string{"NERD_ADDRESS", "CONTAINERD_ADDRESS"}},
		{&c.Namespace, []string{"NERD_NAMESPACE", "CONTAINERD_NAMESPACE"}},
		{&c.DataRoot, []string{"NERD_DATA_ROOT"}},
		{&c.RunRoot, []string{"NERD_RUN_ROOT"}},
		{&c.Snapshotter, []string{"NERD_SNAPSHOTTER", "CONTAINERD_SNAPSHOTTER"}},
		{&c.DockerConfig, []string{"DOCKER_CONFIG"}},
	}
}

// Load merges the file, the environment and the flags, in that order, so that
// the last one wins. A missing file is no error unless $NERD_TOML names it.
func Load(flags Flags, env LookupEnv) (*Config, error) {
	c := &Config{}
	path, named := env("NERD_TOML")
	if !named || path == "" {
		path, named = DefaultFile, false
	}
	if err := c.readFile(path, named); err != nil {
		return nil, err
	}
	for _, v := range c.variables() {
		for _, name := range v.names {
			if value, ok := env(name); ok && value != "" {
				*v.field = value
				break
			}
		}
	}
	c.apply(flags)
	if c.Namespace == "" {
		c.Namespace = state.DefaultNamespace
	}
	if c.DataRoot == "" {
		c.DataRoot = state.DefaultDataRoot
	}
	if c.RunRoot == "" {
		c.RunRoot = state.DefaultRunRoot
	}
	c.userDefaults(env)
	return c, nil
}

// userDefaults are the places in the user's home.
func (c *Config) userDefaults(env LookupEnv) {
	home, _ := env("HOME")
	if c.DockerConfig == "" && home != "" {
		c.DockerConfig = filepath.Join(home, ".docker")
	}
	if len(c.HostsDirs) > 0 {
		return
	}
	user, ok := env("XDG_CONFIG_HOME")
	if (!ok || user == "") && home != "" {
		user = filepath.Join(home, ".config")
	}
	c.HostsDirs = []string{"/etc/containerd/certs.d", "/etc/docker/certs.d"}
	if user != "" {
		c.HostsDirs = append([]string{filepath.Join(user, "nerd", "certs.d")}, c.HostsDirs...)
	}
}

func (c *Config) apply(f Flags) {
	for _, s := range []struct{ dst, src *string }{
		{&c.Address, f.Address},
		{&c.Namespace, f.Namespace},
		{&c.DataRoot, f.DataRoot},
		{&c.RunRoot, f.RunRoot},
		{&c.Snapshotter, f.Snapshotter},
		{&c.LogLevel, f.LogLevel},
	} {
		if s.src != nil {
			*s.dst = *s.src
		}
	}
	if len(f.HostsDirs) > 0 {
		c.HostsDirs = f.HostsDirs
	}
	if f.InsecureRegistry {
		c.InsecureRegistries = append(c.InsecureRegistries, "*")
	}
	if f.Debug != nil {
		c.Debug = *f.Debug
	}
	if f.ForceForeign != nil {
		c.ForceForeign = *f.ForceForeign
	}
}

// readFile fills c from a file. A key that does not exist is an error naming
// the line: a misspelt setting must not pass for one that is in force.
func (c *Config) readFile(path string, must bool) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return fmt.Errorf("configuration file %s: %w", path, explain(err))
	}
	return nil
}

// explain makes one line of the TOML decoder's errors.
func explain(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		row, _ := first.Position()
		return fmt.Errorf("line %d: there is no setting %q", row, joinKey(first.Key()))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, col := decode.Position()
		return fmt.Errorf("line %d, column %d: %w", row, col, err)
	}
	return err
}

func joinKey(key toml.Key) string {
	out := ""
	for i, k := range key {
		if i > 0 {
			out += "."
		}
		out += k
	}
	return out
}
