package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nerd-cli/nerd/pkg/contexts"
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
			tc.want.Context = contexts.Default
			if d := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(Config{})); d != "" {
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
		{"variables", map[string]string{"NERD_TOML": empty, "HOME": "/h", "DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/nowhere"}, "/d", append([]string{"/nowhere/nerd/certs.d"}, system...)},
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

// TestContext: which context is in force, and what it gives.
func TestContext(t *testing.T) {
	home := t.TempDir()
	base := map[string]string{"NERD_TOML": file(t, "address = '/file.sock'\nnamespace = 'file'\n"), "HOME": home}
	store := Contexts(env(base))
	for _, c := range []contexts.Context{
		{Name: "here", Host: "/ctx.sock", Namespace: "ctx", DataRoot: "/ctx", RunRoot: "/run/ctx", Snapshotter: "native"},
		{Name: "there", Host: "ssh://u@h:22"},
	} {
		if err := store.Create(c); err != nil {
			t.Fatal(err)
		}
	}
	flag := func(s string) *string { return &s }
	for _, tc := range []struct {
		name, current string
		env           map[string]string
		flags         Flags
		context       string
		address       string
		namespace     string
		remote        string
	}{
		{"none", "", nil, Flags{}, "default", "/file.sock", "file", ""},
		{"current", "here", nil, Flags{}, "here", "/ctx.sock", "ctx", ""},
		{"variable over current", "there", map[string]string{"NERD_CONTEXT": "here"}, Flags{}, "here", "/ctx.sock", "ctx", ""},
		{"an address leaves no room", "here", map[string]string{"CONTAINERD_ADDRESS": "/env.sock"}, Flags{}, "default", "/env.sock", "file", ""},
		{"nor does a flag", "here", nil, Flags{Address: flag("/flag.sock")}, "default", "/flag.sock", "file", ""},
		{"the flag wins over an address", "", map[string]string{"NERD_ADDRESS": "/env.sock", "NERD_NAMESPACE": "env"}, Flags{Context: flag("here")}, "here", "/ctx.sock", "ctx", ""},
		{"a flag wins over the context", "here", nil, Flags{Namespace: flag("flag")}, "here", "/ctx.sock", "flag", ""},
		{"a variable wins over the current context", "here", map[string]string{"NERD_NAMESPACE": "env"}, Flags{}, "here", "/ctx.sock", "env", ""},
		{"another machine", "there", nil, Flags{}, "there", "", "file", "ssh://u@h:22"},
		{"another machine by flag", "", nil, Flags{Address: flag("ssh://h")}, "default", "", "file", "ssh://h"},
		{"default by flag", "there", nil, Flags{Context: flag("default"), Address: flag("/x.sock")}, "default", "/x.sock", "file", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.current == "" {
				tc.current = contexts.Default
			}
			if err := store.Use(tc.current); err != nil {
				t.Fatal(err)
			}
			vars := maps.Clone(base)
			maps.Copy(vars, tc.env)
			got, err := Load(tc.flags, env(vars))
			if err != nil {
				t.Fatal(err)
			}
			if got.Context != tc.context || got.Address != tc.address || got.Namespace != tc.namespace || got.Remote != tc.remote {
				t.Errorf("context %q, address %q, namespace %q, remote %q", got.Context, got.Address, got.Namespace, got.Remote)
			}
		})
	}
	for want, f := range map[string]Flags{
		"conflicting options: either specify --host or --context, not both": {Context: flag("here"), Address: flag("/x")},
		`context "none": context not found`:                                 {Context: flag("none")},
		`host "ssh://": give ssh://[USER@]HOST[:PORT]`:                      {Address: flag("ssh://")},
	} {
		if _, err := Load(f, env(base)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestValues: each setting in force with where it comes from.
func TestValues(t *testing.T) {
	path := file(t, "namespace = 'file'\ninsecure_registries = ['a']\n[log.opts]\nmax-size = '1m'\n[runtimes.x]\npath = '/x'\n")
	debug := true
	c, err := Load(Flags{Debug: &debug}, env(map[string]string{"NERD_TOML": path, "NERD_SNAPSHOTTER": "native", "HOME": "/h"}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Value{}
	for _, v := range c.Values() {
		if _, twice := got[v.Key]; twice {
			t.Errorf("%s is there twice", v.Key)
		}
		got[v.Key] = v
	}
	for _, want := range []Value{
		{"address", "", "default"},
		{"context", "default", "default"},
		{"data_root", "/var/lib/nerd", "default"},
		{"debug", true, "flag --debug"},
		{"docker_config", "/h/.docker", "default"},
		{"insecure_registries", []string{"a"}, "file " + path},
		{"log.driver", "", "default"},
		{"log.opts.max-size", "1m", "file " + path},
		{"namespace", "file", "file " + path},
		{"network_dirs", []string{}, "default"},
		{"runtimes.x.path", "/x", "file " + path},
		{"snapshotter", "native", "environment NERD_SNAPSHOTTER"},
	} {
		if d := cmp.Diff(want, got[want.Key]); d != "" {
			t.Errorf("%s: %s", want.Key, d)
		}
	}
}

// TestNerdctl: what nerdctl's file says is taken over, below nerd's own.
func TestNerdctl(t *testing.T) {
	vars := map[string]string{
		"NERD_TOML": file(t, "namespace = 'nerd'\n"),
		"NERDCTL_TOML": file(t, "debug_full = true\naddress = 'unix:///n.sock'\nnamespace = 'k8s.io'\nsnapshotter = 'stargz'\n"+
			"cni_netconfpath = '/n.d'\ncni_path = '/bin'\ninsecure_registry = true\nhosts_dir = ['/c']\ncdi_spec_dirs = ['/cdi']\n"),
	}
	got, err := Load(Flags{}, env(vars))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults(func(c *Config) {
		c.Debug, c.Address, c.Namespace, c.Snapshotter, c.NetworkDirs = true, "/n.sock", "nerd", "stargz", []string{"/n.d"}
		c.InsecureRegistries, c.HostsDirs, c.CDIDirs, c.Context = []string{"*"}, []string{"/c"}, []string{"/cdi"}, contexts.Default
	})
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); d != "" {
		t.Error(d)
	}
	if ignored := got.Ignored(); len(ignored) != 1 || ignored[0].Key != "cni_path" || ignored[0].Value != "/bin" {
		t.Errorf("ignored: %v", ignored)
	}
	for text, want := range map[string]string{
		"nme = 1\n":              "line 1: there is no setting \"nme\"",
		"userns_remap = 'x'\n":   "userns_remap is not supported",
		"namespace = ['k8s']\n":  "line 1",
		"[plugins]\nx = 'false'": "there is no setting",
	} {
		vars["NERDCTL_TOML"] = file(t, text)
		if _, err := Load(Flags{}, env(vars)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), vars["NERDCTL_TOML"]) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
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
