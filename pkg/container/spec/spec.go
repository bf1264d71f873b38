// Package spec turns Docker's configuration, an image's configuration and facts
// of the host into an OCI runtime specification. It touches nothing: the same
// input gives the same specification.
package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/cgroup"
)

// Host are the facts of a machine that a specification depends on.
type Host struct {
	CgroupV2      bool
	SystemdCgroup bool     // cgroups are made by systemd
	Capabilities  []string // the bounding set, as CAP_X
	AppArmor      bool
	SELinux       bool
	Seccomp       bool
	// Cgroup says what control groups can limit; weights, those of block devices
	// included, which takes longer to find out. Nil: nothing.
	Cgroup  func(weights bool) cgroup.Features
	Hugetlb bool
	// Devices lists the device at a path, or those below a folder.
	Devices func(path string) ([]specs.LinuxDevice, error)
	// SeccompProfile turns a profile in Docker's JSON into rules for the
	// specification; an empty text is Docker's default profile.
	SeccompProfile func(text string, s *specs.Spec) (*specs.LinuxSeccomp, error)
}

// User is a user as the kernel knows it.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
}

// Namespaces are paths of namespaces to join. Empty: a new one.
type Namespaces struct {
	Network     string
	HostNetwork bool
	PID, IPC    string
	Shm         string // folder of the host that is bound to /dev/shm; empty: a tmpfs
}

// Input is all that a specification is made of.
type Input struct {
	ID         string
	Config     *container.Config // merged with the image's
	HostConfig *container.HostConfig
	Args       []string // entry point and command
	User       User
	Namespaces Namespaces
	Mounts     []specs.Mount // binds, volumes and the generated files, besides the standard ones
	AppArmor   string        // profile, empty: none
	CgroupPath string
	Host       Host
}

// Generate makes the specification. The warnings name settings that the host
// cannot honour and that Docker, too, only warns of.
func Generate(in Input) (*specs.Spec, []string, error) {
	if len(in.Args) == 0 {
		return nil, nil, fmt.Errorf("no command specified: %w", errdefs.ErrInvalidArgument)
	}
	s := &specs.Spec{
		Version:     specs.Version,
		Root:        &specs.Root{Path: "rootfs", Readonly: in.HostConfig.ReadonlyRootfs},
		Hostname:    in.Config.Hostname,
		Domainname:  in.Config.Domainname,
		Annotations: in.HostConfig.Annotations,
		Process:     process(in),
		Linux: &specs.Linux{
			CgroupsPath: in.CgroupPath,
			Namespaces:  namespaces(in),
			Sysctl:      sysctls(in),
		},
	}
	if in.HostConfig.UTSMode.IsHost() {
		s.Hostname, s.Domainname = "", ""
	}
	s.Mounts = mounts(in)
	masks(s, in)
	var warnings []string
	for _, step := range []func(*specs.Spec, Input, *[]string) error{checkSysctls, capabilities, security, resources, devices, rlimits} {
		if err := step(s, in, &warnings); err != nil {
			return nil, nil, err
		}
	}
	if sharedPropagation(s.Mounts) {
		s.Linux.RootfsPropagation = "rshared"
	}
	return s, warnings, nil
}

func process(in Input) *specs.Process {
	cwd := in.Config.WorkingDir
	if cwd == "" {
		cwd = "/"
	}
	adj := in.HostConfig.OomScoreAdj
	p := &specs.Process{
		Terminal:    in.Config.Tty,
		Args:        in.Args,
		Env:         Env(in.Config),
		Cwd:         cwd,
		User:        specs.User{UID: in.User.UID, GID: in.User.GID, AdditionalGids: in.User.Groups, Umask: in.HostConfig.Umask},
		OOMScoreAdj: &adj,
	}
	if h, w := in.HostConfig.ConsoleSize[0], in.HostConfig.ConsoleSize[1]; in.Config.Tty && h > 0 && w > 0 {
		p.ConsoleSize = &specs.Box{Height: h, Width: w}
	}
	return p
}

// defaultPath is what Docker gives a container whose image sets no PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Env is the environment of a container's processes: Docker's defaults, then the
// configuration's, the last setting of a name winning. An entry without "=" in
// the configuration removes the name.
func Env(c *container.Config) []string {
	env := []string{defaultPath, "HOSTNAME=" + c.Hostname}
	if c.Tty {
		env = append(env, "TERM=xterm")
	}
	return MergeEnv(env, c.Env)
}

// MergeEnv replaces and adds the variables of over to those of base, keeping
// the order of first appearance.
func MergeEnv(base, over []string) []string {
	out := slices.Clone(base)
	for _, kv := range over {
		name, _, set := strings.Cut(kv, "=")
		at := slices.IndexFunc(out, func(have string) bool {
			n, _, _ := strings.Cut(have, "=")
			return n == name
		})
		switch {
		case at >= 0 && set:
			out[at] = kv
		case at >= 0:
			out = slices.Delete(out, at, at+1)
		case set:
			out = append(out, kv)
		}
	}
	return out
}

// sysctls are the container's. In a network namespace of its own any user may
// bind low ports and ping, as in Docker: there is nobody to be protected from.
func sysctls(in Input) map[string]string {
	out := map[string]string{}
	if mode := in.HostConfig.NetworkMode; !in.Namespaces.HostNetwork && !mode.IsContainer() {
		out["net.ipv4.ip_unprivileged_port_start"] = "0"
		out["net.ipv4.ping_group_range"] = "0 2147483647"
	}
	maps.Copy(out, in.HostConfig.Sysctls)
	return out
}

// checkSysctls refuses what would change the host: a parameter of a namespace that
// the container shares with it.
func checkSysctls(_ *specs.Spec, in Input, _ *[]string) error {
	for _, name := range slices.Sorted(maps.Keys(in.HostConfig.Sysctls)) {
		ipc := strings.HasPrefix(name, "fs.mqueue.") || strings.HasPrefix(name, "kernel.msg") || strings.HasPrefix(name, "kernel.sem") ||
			strings.HasPrefix(name, "kernel.shm")
		switch {
		case strings.HasPrefix(name, "net.") && in.Namespaces.HostNetwork:
			return invalid("sysctl '%s' not allowed in host network namespace", name)
		case ipc && in.HostConfig.IpcMode.IsHost():
			return invalid("sysctl '%s' not allowed in the host's IPC namespace", name)
		case !ipc && !strings.HasPrefix(name, "net."):
			return invalid("sysctl '%s' is not allowed", name)
		}
	}
	return nil
}

func namespaces(in Input) []specs.LinuxNamespace {
	ns := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	if !in.Namespaces.HostNetwork {
		ns = append(ns, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: in.Namespaces.Network})
	}
	if !in.HostConfig.UTSMode.IsHost() {
		ns = append(ns, specs.LinuxNamespace{Type: specs.UTSNamespace})
	}
	if !in.HostConfig.PidMode.IsHost() {
		ns = append(ns, specs.LinuxNamespace{Type: specs.PIDNamespace, Path: in.Namespaces.PID})
	}
	if !in.HostConfig.IpcMode.IsHost() {
		ns = append(ns, specs.LinuxNamespace{Type: specs.IPCNamespace, Path: in.Namespaces.IPC})
	}
	if privateCgroup(in) {
		ns = append(ns, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return ns
}

// privateCgroup follows dockerd: cgroup namespaces are private on version 2 and
// shared with the host on version 1, unless asked for otherwise.
func privateCgroup(in Input) bool {
	switch {
	case in.HostConfig.CgroupnsMode.IsPrivate():
		return true
	case in.HostConfig.CgroupnsMode.IsHost():
		return false
	}
	return in.Host.CgroupV2 && !in.HostConfig.Privileged
}

func sharedPropagation(mounts []specs.Mount) bool {
	return slices.ContainsFunc(mounts, func(m specs.Mount) bool {
		return slices.Contains(m.Options, "rshared") || slices.Contains(m.Options, "shared")
	})
}
