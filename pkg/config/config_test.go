package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func env(vars map[string]string) LookupEnv {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nerd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func defaults(change func(*Config)) *Config {
	c := &Config{Namespace: "default", DataRoot: "/var/lib/nerd", RunRoot: "/run/nerd"}
	if change != nil {
		change(c)
	}
	return c
}

func TestLoad(t *testing.T) {
	full := file(t, "address = '/file.sock'\nnamespace = 'file'\ndata_root = '/file'\nrun_root = '/run/file'\nsnapshotter = 'native'\ndebug = true\nlog_level = 'info'\n")
	empty := file(t, "")
	flag := func(s string) *string { return &s }
	off := false
	for _, tc := range []struct {
		name  string
		env   map[string]string
		flags Flags
		want  *Config
	}{
		{"defaults", map[string]string{"NERD_TOML": empty}, Flags{}, defaults(nil)},
		{"file", map[string]string{"NERD_TOML": full}, Flags{}, &Config{
			Address: "/file.sock", Namespace: "file", DataRoot: "/file", RunRoot: "/run/file", Snapshotter: "native", Debug: true, LogLevel: "info",
		}},
		{"environment over file", map[string]string{"NERD_TOML": full, "CONTAINERD_ADDRESS": "/env.sock", "NERD_NAMESPACE": "env", "NERD_RUN_ROOT": "/run/env"}, Flags{}, &Config{
			Address: "/env.sock", Namespace: "env", DataRoot: "/file", RunRoot: "/run/env", Snapshotter: "native", Debug: true, LogLevel: "info",
		}},
		{
			"flag over environment",
			map[string]string{"NERD_TOML": empty, "NERD_NAMESPACE": "env", "CONTAINERD_SNAPSHOTTER": "env"},
			Flags{Namespace: flag("flag"), Debug: &off},
			defaults(func(c *Config) { c.Namespace, c.Snapshotter = "flag", "env" }),
		},
		{
			"nerd's variable over containerd's",
			map[string]string{"NERD_TOML": empty, "NERD_NAMESPACE": "a", "CONTAINERD_NAMESPACE": "b"},
			Flags{},
			defaults(func(c *Config) { c.Namespace = "a" }),
		},
		{
			"empty variable",
			map[string]string{"NERD_TOML": empty, "NERD_NAMESPACE": "", "CONTAINERD_NAMESPACE": "b"},
			Flags{},
			defaults(func(c *Config) { c.Namespace = "b" }),
		},
		{"log", map[string]string{"NERD_TOML": file(t, "[log]\ndriver = 'local'\n[log.opts]\nmax-size = '1m'\n")}, Flags{}, defaults(func(c *Config) {
			c.Log = Log{Driver: "local", Opts: map[string]string{"max-size": "1m"}}
		})},
		{"empty flag", map[string]string{"NERD_TOML": full}, Flags{Address: flag(""), Debug: &off}, &Config{
			Namespace: "file", DataRoot: "/file", RunRoot: "/run/file", Snapshotter: "native", LogLevel: "info",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Load(tc.flags, env(tc.env))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.HostsDirs) == 0 {
				t.Error("no folders of hosts.toml files")
			}
			got.HostsDirs = nil // see TestUserDefaults
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestUserDefaults(t *testing.T) {
	empty := file(t, "")
	system := []string{"/etc/containerd/certs.d", "/etc/docker/certs.d"}
	for _, tc := range []struct {
		name   string
		env    map[string]string
		docker string
		hosts  []string
	}{
		{"no home", map[string]string{"NERD_TOML": empty}, "", system},
		{"home", map[string]string{"NERD_TOML": empty, "HOME": "/h"}, "/h/.docker", append([]string{"/h/.config/nerd/certs.d"}, system...)},
		{"variables", map[string]string{"NERD_TOML": empty, "HOME": "/h", "DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/x"}, "/d", append([]string{"/x/nerd/certs.d"}, system...)},
		{"file", map[string]string{"NERD_TOML": file(t, "docker_config = '/f'\nhosts_dirs = ['/c']\n"), "HOME": "/h"}, "/f", []string{"/c"}},
	} {
		got, err := Load(Flags{}, env(tc.env))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.hosts, got.HostsDirs); d != "" || got.DockerConfig != tc.docker {
			t.Errorf("%s: %s%s", tc.name, got.DockerConfig, d)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"adress = 'x'\n":              `line 1: there is no setting "adress"`,
		"namespace = 'a'\n[x]\ny=1\n": "there is no setting",
		"namespace = 1\n":             "line 1",
		"namespace = \n":              "line 1, column",
	} {
		_, err := Load(Flags{}, env(map[string]string{"NERD_TOML": file(t, text)}))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := Load(Flags{}, env(map[string]string{"NERD_TOML": "/nonexistent/nerd.toml"})); err == nil {
		t.Error("a file that was named does not have to exist")
	}
}

func TestCommit(t *testing.T) {
	old := Revision
	defer func() { Revision = old }()
	for revision, want := range map[string]string{"0123456789": "0123456", "abc": "abc"} {
		Revision = revision
		if got := Commit(); got != want {
			t.Errorf("%s: got %s", revision, got)
		}
	}
	Revision = ""
	if Commit() == "" {
		t.Error("empty")
	}
}

func FuzzFile(f *testing.F) {
	f.Add("namespace = 'a'\n")
	f.Add("[[x]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Load(Flags{}, env(map[string]string{"NERD_TOML": file(t, text)}))
		if err != nil && !strings.HasPrefix(err.Error(), "configuration file ") {
			t.Fatal(err)
		}
	})
}
