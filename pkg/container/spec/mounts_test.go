package spec

import (
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func targets(list []specs.Mount) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.Destination)
	}
	return out
}

var standard = []string{"/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"}

func TestMountOrder(t *testing.T) {
	bind := func(targets ...string) func(*Input) {
		return func(in *Input) {
			for _, d := range targets {
				in.Mounts = append(in.Mounts, specs.Mount{Destination: d, Type: "bind", Source: "/src"})
			}
		}
	}
	tmp := func(target string) func(*Input) {
		return func(in *Input) { in.HostConfig.Tmpfs = map[string]string{target: ""} }
	}
	ipc := func(mode container.IpcMode) func(*Input) { return func(in *Input) { in.HostConfig.IpcMode = mode } }
	for _, c := range []struct {
		name    string
		changes []func(*Input)
		want    []string
	}{
		{"standard", nil, standard},
		{"inner after outer", []func(*Input){bind("/a/b/c", "/a", "/a/b", "/z")}, append(slices.Clone(standard), "/a", "/z", "/a/b", "/a/b/c")},
		{"equal depth keeps its order", []func(*Input){bind("/z", "/y", "/x")}, append(slices.Clone(standard), "/z", "/y", "/x")},
		{"tmpfs inside a bind", []func(*Input){bind("/a"), tmp("/a/t")}, append(slices.Clone(standard), "/a", "/a/t")},
		{"bind inside a tmpfs", []func(*Input){bind("/t/b"), tmp("/t")}, append(slices.Clone(standard), "/t", "/t/b")},
		{"in place of a standard one", []func(*Input){bind("/dev/shm")}, standard},
		{"tmpfs in place of a standard one", []func(*Input){tmp("/dev/shm")}, standard},
		{"a whole /dev", []func(*Input){bind("/dev")}, []string{"/proc", "/sys", "/sys/fs/cgroup", "/dev"}},
		{"no ipc", []func(*Input){ipc("none")}, standard[:6]},
		{"host ipc", []func(*Input){ipc("host")}, standard},
	} {
		if got := targets(generate(t, c.changes...).Mounts); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, got, c.want)
		}
	}
}

func find(t *testing.T, s *specs.Spec, target string) specs.Mount {
	t.Helper()
	i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == target })
	if i < 0 {
		t.Fatalf("nothing is mounted at %s", target)
	}
	return s.Mounts[i]
}

func TestTmpfsOptions(t *testing.T) {
	for text, want := range map[string][]string{
		"":                       {"noexec", "nosuid", "nodev"},
		"size=1m":                {"noexec", "nosuid", "nodev", "size=1m"},
		"exec":                   {"nosuid", "nodev", "exec"},
		"rw,exec,suid,dev":       {"rw", "exec", "suid", "dev"},
		"noexec,size=1m,,mode=7": {"nosuid", "nodev", "noexec", "size=1m", "mode=7"},
		"exec,noexec":            {"nosuid", "nodev", "noexec"},
	} {
		s := generate(t, func(in *Input) { in.HostConfig.Tmpfs = map[string]string{"/t": text} })
		if m := find(t, s, "/t"); m.Type != "tmpfs" || !slices.Equal(m.Options, want) {
			t.Errorf("%q: %v, want %v", text, m.Options, want)
		}
	}
}

func TestShm(t *testing.T) {
	if m := find(t, generate(t), "/dev/shm"); !slices.Contains(m.Options, "size=67108864") {
		t.Errorf("the default is %v", m.Options)
	}
	if m := find(t, generate(t, func(in *Input) { in.HostConfig.ShmSize = 4096 }), "/dev/shm"); !slices.Contains(m.Options, "size=4096") {
		t.Errorf("4096 bytes are %v", m.Options)
	}
	if m := find(t, generate(t, func(in *Input) { in.HostConfig.IpcMode = "host" }), "/dev/shm"); m.Type != "bind" || m.Source != "/dev/shm" {
		t.Errorf("the host's is %+v", m)
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct {
		name             string
		change           func(*container.HostConfig)
		masked, readonly []string
	}{
		{"default", func(*container.HostConfig) {}, defaultMasked, defaultReadonly},
		{"privileged", func(hc *container.HostConfig) { hc.Privileged = true }, nil, nil},
		{"unconfined", func(hc *container.HostConfig) { hc.SecurityOpt = []string{"systempaths=unconfined"} }, nil, nil},
		{"own", func(hc *container.HostConfig) { hc.MaskedPaths, hc.ReadonlyPaths = []string{"/m"}, []string{} }, []string{"/m"}, []string{}},
	} {
		s := generate(t, func(in *Input) { c.change(in.HostConfig) })
		if !slices.Equal(s.Linux.MaskedPaths, c.masked) || !slices.Equal(s.Linux.ReadonlyPaths, c.readonly) {
			t.Errorf("%s: masked %v, read-only %v", c.name, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths)
		}
	}
}

func TestPrivilegedMountsAreWritable(t *testing.T) {
	for target, change := range map[string]bool{"/sys": true, "/sys/fs/cgroup": true} {
		plain, privileged := generate(t), generate(t, func(in *Input) { in.HostConfig.Privileged = change })
		if !slices.Contains(find(t, plain, target).Options, "ro") {
			t.Errorf("%s is writable", target)
		}
		if slices.Contains(find(t, privileged, target).Options, "ro") {
			t.Errorf("%s is read-only for a privileged container", target)
		}
	}
}

func TestRootfsPropagation(t *testing.T) {
	for mode, want := range map[string]string{"rprivate": "", "rslave": "", "shared": "rshared", "rshared": "rshared"} {
		s := generate(t, func(in *Input) { in.Mounts = []specs.Mount{{Destination: "/x", Options: []string{"rbind", mode}}} })
		if s.Linux.RootfsPropagation != want {
			t.Errorf("%s: the root file system is %q, want %q", mode, s.Linux.RootfsPropagation, want)
		}
	}
}
