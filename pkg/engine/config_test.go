package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/nerd-cli/nerd/pkg/state"
)

func testLayout(t *testing.T, data, run, namespace string) state.Layout {
	t.Helper()
	l, err := state.NewLayout(data, run, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestContainerdConfig(t *testing.T) {
	l := testLayout(t, `/data "quoted" \ and`+"\ttab", "/run/x", "")
	var got struct {
		Version         int
		Root, State     string
		DisabledPlugins []string `toml:"disabled_plugins"`
		Imports         []string
		Plugins         map[string]map[string]any
	}
	if err := toml.Unmarshal(containerdConfig(l), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 4 || got.Root != l.Engine()+"/containerd" || got.State != "/run/x/engine/containerd" {
		t.Errorf("version %d, root %q, state %q", got.Version, got.Root, got.State)
	}
	if got.Imports == nil || len(got.Imports) != 0 {
		t.Errorf("imports %v: the system's must not be read", got.Imports)
	}
	if a := got.Plugins["io.containerd.server.v1.grpc"]["address"]; a != Socket(l) {
		t.Errorf("address %v", a)
	}
	if d := got.Plugins["io.containerd.shim.v1.manager"]["socket_dir"]; d != "/run/x/engine/s" {
		t.Errorf("shims' sockets in %v", d)
	}
	if all := strings.Join(got.DisabledPlugins, " "); !strings.Contains(all, "cri") || !strings.Contains(all, "nri") {
		t.Errorf("disabled: %s", all)
	}
}

// A folder that is too long for shims is left to containerd's choice.
func TestContainerdConfigLongRun(t *testing.T) {
	l := testLayout(t, "/d", "/run/"+strings.Repeat("x", 40), "")
	if strings.Contains(string(containerdConfig(l)), "socket_dir") {
		t.Error("socket_dir is set to what containerd refuses")
	}
}

func TestBuildkitdConfig(t *testing.T) {
	l := testLayout(t, "/d", "/r", "team")
	var got struct {
		Root   string
		GRPC   struct{ Address []string }
		Worker map[string]struct {
			Enabled            bool
			Address, Namespace string
		}
	}
	if err := toml.Unmarshal(Options{Layout: l}.buildkitdConfig(), &got); err != nil {
		t.Fatal(err)
	}
	w := got.Worker["containerd"]
	if got.Root != "/d/engine/buildkitd-team" || got.GRPC.Address[0] != "unix:///r/engine/buildkitd-team.sock" ||
		!w.Enabled || w.Address != Socket(l) || w.Namespace != "team" || got.Worker["oci"].Enabled {
		t.Errorf("%+v", got)
	}
}

func TestWriteConfigKeepsEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	old := time.Now().Add(-time.Hour)
	if err := writeConfig(path, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		kept bool
	}{{"a", true}, {"b", false}} {
		if err := writeConfig(path, []byte(tt.text)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if kept := info.ModTime().Equal(old); kept != tt.kept {
			t.Errorf("writing %q: file kept %v, want %v", tt.text, kept, tt.kept)
		}
	}
}

func FuzzTOMLString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\x1f\x7f\n")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			t.Skip() // not a string in TOML
		}
		var got struct{ K string }
		if err := toml.Unmarshal([]byte("k = "+tomlString(s)), &got); err != nil || got.K != s {
			t.Errorf("%q became %q, %v", s, got.K, err)
		}
	})
}

func TestCgroupMounts(t *testing.T) {
	const info = `24 30 0:22 / /proc rw - proc proc rw
30 1 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
broken line
`
	got := strings.Join(cgroupMounts([]byte(info)), " ")
	if want := "/sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup/cpu"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
