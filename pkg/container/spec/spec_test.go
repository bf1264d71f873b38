package spec

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// testHost is a machine with cgroups version 2 and all that a kernel can have.
func testHost() Host {
	return Host{
		CgroupV2: true, Seccomp: true, Capabilities: knownCapabilities,
		Devices: func(path string) ([]specs.LinuxDevice, error) {
			switch path {
			case "/dev/fuse":
				return []specs.LinuxDevice{{Path: path, Type: "c", Major: 10, Minor: 229}}, nil
			case "/dev", "/dev/snd":
				return []specs.LinuxDevice{{Path: path + "/a", Type: "c", Major: 116, Minor: 1}, {Path: path + "/b", Type: "b", Major: 8, Minor: 0}}, nil
			}
			return nil, errors.New("no such device")
		},
		SeccompProfile: func(text string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
			if text == "bad" {
				return nil, errors.New("bad profile")
			}
			return &specs.LinuxSeccomp{DefaultAction: specs.LinuxSeccompAction("text:" + text)}, nil
		},
	}
}

func input(change ...func(*Input)) Input {
	in := Input{
		ID: "id", Args: []string{"sh"}, Config: &container.Config{Hostname: "h"}, HostConfig: &container.HostConfig{NetworkMode: "bridge"},
		Namespaces: Namespaces{Network: "/run/netns/id"}, CgroupPath: "/nerd/id", Host: testHost(),
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

func generate(t *testing.T, change ...func(*Input)) *specs.Spec {
	t.Helper()
	s, warnings, err := Generate(input(change...))
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	return s
}

func TestGenerateBasics(t *testing.T) {
	s := generate(t, func(in *Input) {
		in.Args = []string{"a", "b"}
		in.Config = &container.Config{Hostname: "h", Domainname: "d", WorkingDir: "/w", Tty: true}
		in.HostConfig.ReadonlyRootfs = true
		in.HostConfig.OomScoreAdj = 7
		in.HostConfig.ConsoleSize = [2]uint{24, 80}
		in.HostConfig.Annotations = map[string]string{"k": "v"}
		in.User = User{UID: 5, GID: 6, Groups: []uint32{6, 7}}
	})
	p := s.Process
	if !slices.Equal(p.Args, []string{"a", "b"}) || p.Cwd != "/w" || !p.Terminal || *p.OOMScoreAdj != 7 {
		t.Errorf("process is %+v", p)
	}
	if p.User.UID != 5 || p.User.GID != 6 || !slices.Equal(p.User.AdditionalGids, []uint32{6, 7}) {
		t.Errorf("user is %+v", p.User)
	}
	if p.ConsoleSize == nil || *p.ConsoleSize != (specs.Box{Height: 24, Width: 80}) {
		t.Errorf("console is %+v", p.ConsoleSize)
	}
	if !s.Root.Readonly || s.Hostname != "h" || s.Domainname != "d" || s.Linux.CgroupsPath != "/nerd/id" || s.Annotations["k"] != "v" {
		t.Errorf("specification is %+v", s)
	}
	if cwd := generate(t).Process.Cwd; cwd != "/" {
		t.Errorf("the default working directory is %q", cwd)
	}
	if _, _, err := Generate(input(func(in *Input) { in.Args = nil })); !errdefs.IsInvalidArgument(err) {
		t.Errorf("no command: %v", err)
	}
}

// The same input must give the same specification: maps are in it.
func TestGenerateIsDeterministic(t *testing.T) {
	in := input(func(in *Input) {
		in.HostConfig.Tmpfs = map[string]string{"/t1": "", "/t2": "size=1m", "/t1/x": "", "/a/b": "", "/z": ""}
		in.HostConfig.DeviceCgroupRules = []string{"c 1:2 rwm"}
	})
	first, _, err := Generate(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, _, err := Generate(in)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(first, again) {
			t.Fatal("two specifications of one input differ")
		}
	}
}

func TestEnv(t *testing.T) {
	for _, c := range []struct {
		name string
		tty  bool
		env  []string
		want []string
	}{
		{"defaults", false, nil, []string{defaultPath, "HOSTNAME=h"}},
		{"terminal", true, nil, []string{defaultPath, "HOSTNAME=h", "TERM=xterm"}},
		{"added", false, []string{"A=1", "B=x=y", "C="}, []string{defaultPath, "HOSTNAME=h", "A=1", "B=x=y", "C="}},
		{"replaced in place", true, []string{"TERM=vt", "PATH=/p"}, []string{"PATH=/p", "HOSTNAME=h", "TERM=vt"}},
		{"the last wins", false, []string{"A=1", "B=2", "A=3"}, []string{defaultPath, "HOSTNAME=h", "A=3", "B=2"}},
		{"a bare name removes", false, []string{"HOSTNAME", "PATH", "NONE", "A=1"}, []string{"A=1"}},
	} {
		if got := Env(&container.Config{Hostname: "h", Tty: c.tty, Env: c.env}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	base := []string{"A=1"}
	MergeEnv(base, []string{"A=2"})
	if base[0] != "A=1" {
		t.Error("the base was changed")
	}
}

func TestNamespaces(t *testing.T) {
	all := map[specs.LinuxNamespaceType]string{"mount": "", "network": "/run/netns/id", "uts": "", "pid": "", "ipc": "", "cgroup": ""}
	less := func(types ...specs.LinuxNamespaceType) map[specs.LinuxNamespaceType]string {
		out := map[specs.LinuxNamespaceType]string{}
		for k, v := range all {
			if !slices.Contains(types, k) {
				out[k] = v
			}
		}
		return out
	}
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   map[specs.LinuxNamespaceType]string
	}{
		{"default on version 2", func(*Input) {}, all},
		{"default on version 1", func(in *Input) { in.Host.CgroupV2 = false }, less("cgroup")},
		{"private on version 1", func(in *Input) { in.Host.CgroupV2, in.HostConfig.CgroupnsMode = false, "private" }, all},
		{"host cgroup", func(in *Input) { in.HostConfig.CgroupnsMode = "host" }, less("cgroup")},
		{"privileged", func(in *Input) { in.HostConfig.Privileged = true }, less("cgroup")},
		{"host network", func(in *Input) { in.Namespaces = Namespaces{HostNetwork: true} }, less("network")},
		{"host pid", func(in *Input) { in.HostConfig.PidMode = "host" }, less("pid")},
		{"host ipc", func(in *Input) { in.HostConfig.IpcMode = "host" }, less("ipc")},
		{"host uts", func(in *Input) { in.HostConfig.UTSMode = "host" }, less("uts")},
	} {
		s := generate(t, c.change)
		got := map[specs.LinuxNamespaceType]string{}
		for _, n := range s.Linux.Namespaces {
			got[n.Type] = n.Path
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if s := generate(t, func(in *Input) { in.HostConfig.UTSMode = "host" }); s.Hostname != "" {
		t.Errorf("the host's name would be changed to %q", s.Hostname)
	}
	s := generate(t, func(in *Input) { in.Namespaces.PID, in.Namespaces.IPC = "/p", "/i" })
	for _, n := range s.Linux.Namespaces {
		if n.Type == specs.PIDNamespace && n.Path != "/p" || n.Type == specs.IPCNamespace && n.Path != "/i" {
			t.Errorf("namespace %s is at %q", n.Type, n.Path)
		}
	}
}

func TestSysctls(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   map[string]string
	}{
		{"own network", func(*Input) {}, map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}},
		{"the user's", func(in *Input) {
			in.HostConfig.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "1"}
		}, map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024", "net.ipv4.ping_group_range": "0 2147483647", "kernel.msgmax": "1"}},
		{"host network", func(in *Input) { in.Namespaces.HostNetwork = true }, map[string]string{}},
		{"another's network", func(in *Input) { in.HostConfig.NetworkMode = "container:x" }, map[string]string{}},
	} {
		if got := generate(t, c.change).Linux.Sysctl; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRlimits(t *testing.T) {
	ulimit := func(name string, soft, hard int64) func(*Input) {
		return func(in *Input) {
			in.HostConfig.Ulimits = append(in.HostConfig.Ulimits, &container.Ulimit{Name: name, Soft: soft, Hard: hard})
		}
	}
	s := generate(t, ulimit("nofile", 10, 20), ulimit("core", 0, -1))
	want := []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20}, {Type: "RLIMIT_CORE", Soft: 0, Hard: ^uint64(0)}}
	if !reflect.DeepEqual(s.Process.Rlimits, want) {
		t.Errorf("limits are %+v", s.Process.Rlimits)
	}
	if _, _, err := Generate(input(ulimit("nofile", 21, 20))); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "nofile") {
		t.Errorf("soft above hard: %v", err)
	}
}
