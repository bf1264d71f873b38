package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// What the host cannot do is said: as an error where less protection than asked
// for would come of it, as a warning where Docker, too, goes on.
func TestOptionsTheHostLacks(t *testing.T) {
	opt := func(text string) func(*Input) { return func(in *Input) { in.HostConfig.SecurityOpt = []string{text} } }
	selinux := func(in *Input) { in.Host.SELinux = true }
	for _, c := range []struct {
		name    string
		changes []func(*Input)
		warning string
		refused bool
	}{
		{"labels off", []func(*Input){opt("label=disable")}, "", false},
		{"labels off with SELinux", []func(*Input){opt("label=disable"), selinux}, "", false},
		{"a label", []func(*Input){opt("label=type:x")}, "label=type:x has no effect", false},
		{"a label with SELinux", []func(*Input){opt("label=type:x"), selinux}, "", true},
		{"a profile of AppArmor", []func(*Input){opt("apparmor=p")}, "AppArmor profile p has no effect", false},
		{"a profile where there is AppArmor", []func(*Input){opt("apparmor=p"), func(in *Input) { in.Host.AppArmor = true }}, "", false},
		{"no profile", []func(*Input){opt("apparmor=unconfined")}, "", false},
	} {
		_, warnings, err := Generate(input(c.changes...))
		if errdefs.IsInvalidArgument(err) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if all := strings.Join(warnings, "\n"); c.warning == "" && all != "" || !strings.Contains(all, c.warning) {
			t.Errorf("%s: warnings %q", c.name, all)
		}
	}
}

func TestCapabilityErrors(t *testing.T) {
	lacks := func(in *Input) { in.Host.Capabilities = without(knownCapabilities, []string{"CAP_SYS_RESOURCE"}) }
	for _, c := range []struct {
		change func(*Input)
		want   string
	}{
		{func(in *Input) { in.HostConfig.CapAdd = []string{"nonsense"} }, `invalid CapAdd: unknown capability: "CAP_NONSENSE"`},
		{func(in *Input) { in.HostConfig.CapDrop = []string{"CAP_FOO"} }, `invalid CapDrop: unknown capability: "CAP_FOO"`},
		{
			func(in *Input) { in.HostConfig.CapAdd = []string{"sys_resource"} },
			`invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"`,
		},
		{func(in *Input) { in.HostConfig.Privileged, in.HostConfig.CapAdd = true, []string{"x"} }, `invalid CapAdd: unknown capability: "CAP_X"`},
	} {
		if _, _, err := Generate(input(lacks, c.change)); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestWritableCgroups(t *testing.T) {
	for _, c := range []struct {
		opt  string
		want string
	}{{"", "ro"}, {"writable-cgroups=true", "rw"}, {"writable-cgroups=false", "ro"}} {
		s := generate(t, func(in *Input) {
			if c.opt != "" {
				in.HostConfig.SecurityOpt = []string{c.opt}
			}
		})
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "cgroup" })
		if got := s.Mounts[i].Options[0]; got != c.want {
			t.Errorf("%q: %s", c.opt, got)
		}
	}
}

// A parameter of a namespace that is the host's would change the host.
func TestSysctlsOfTheHost(t *testing.T) {
	sysctl := func(name string) func(*Input) {
		return func(in *Input) { in.HostConfig.Sysctls = map[string]string{name: "1"} }
	}
	hostNet := func(in *Input) { in.Namespaces.HostNetwork, in.HostConfig.NetworkMode = true, "host" }
	hostIPC := func(in *Input) { in.HostConfig.IpcMode = "host" }
	for _, c := range []struct {
		name    string
		changes []func(*Input)
		want    string
	}{
		{"own", []func(*Input){sysctl("net.ipv4.ip_forward")}, ""},
		{"own ipc", []func(*Input){sysctl("kernel.shm_rmid_forced")}, ""},
		{"own queues", []func(*Input){sysctl("fs.mqueue.msg_max")}, ""},
		{"own ipc with the host's network", []func(*Input){sysctl("kernel.sem"), hostNet}, ""},
		{"net", []func(*Input){sysctl("net.core.somaxconn"), hostNet}, "sysctl 'net.core.somaxconn' not allowed in host network namespace"},
		{"ipc", []func(*Input){sysctl("kernel.msgmax"), hostIPC}, "sysctl 'kernel.msgmax' not allowed in the host's IPC namespace"},
		{"queues", []func(*Input){sysctl("fs.mqueue.msg_max"), hostIPC}, "sysctl 'fs.mqueue.msg_max' not allowed in the host's IPC namespace"},
		{"of no namespace", []func(*Input){sysctl("kernel.core_pattern")}, "sysctl 'kernel.core_pattern' is not allowed"},
		{"of files", []func(*Input){sysctl("fs.file-max")}, "sysctl 'fs.file-max' is not allowed"},
	} {
		_, _, err := Generate(input(c.changes...))
		if got := text(err); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSharedMemory(t *testing.T) {
	shm := func(change func(*Input)) specs.Mount {
		s := generate(t, change)
		i := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev/shm" })
		if i < 0 {
			return specs.Mount{}
		}
		return s.Mounts[i]
	}
	if m := shm(func(in *Input) { in.Namespaces.Shm = "/run/x/shm" }); m.Type != "bind" || m.Source != "/run/x/shm" {
		t.Errorf("given: %+v", m)
	}
	if m := shm(func(in *Input) { in.HostConfig.IpcMode = "host" }); m.Source != "/dev/shm" {
		t.Errorf("host: %+v", m)
	}
	if m := shm(func(in *Input) { in.HostConfig.IpcMode = "none" }); m.Destination != "" {
		t.Errorf("none: %+v", m)
	}
	if m := shm(func(*Input) {}); m.Type != "tmpfs" {
		t.Errorf("own: %+v", m)
	}
}
