package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Machine is the host as its files show it. Root is "/" but in tests.
type Machine struct {
	Root    string
	Release string // of the kernel
}

// Check looks at everything that files tell.
func (m Machine) Check() []Finding {
	return []Finding{m.kernel(), m.overlay(), m.cgroups(), m.seccomp(), m.forwarding(), m.bridges(), m.subordinate()}
}

func (m Machine) read(path string) string {
	data, err := os.ReadFile(filepath.Join(m.Root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (m Machine) exists(path string) bool {
	_, err := os.Stat(filepath.Join(m.Root, path))
	return !errors.Is(err, fs.ErrNotExist)
}

// Kernels below these lack calls that nerd uses: openat2 for files of containers
// that run, and mounts by descriptor for those that do not.
const (
	leastMajor, leastMinor = 5, 6
	fullMajor, fullMinor   = 5, 12
)

func (m Machine) kernel() Finding {
	var major, minor int
	if _, err := fmt.Sscanf(m.Release, "%d.%d", &major, &minor); err != nil {
		return warning("kernel", "", "release %q cannot be read", m.Release)
	}
	older := func(a, b int) bool { return major < a || major == a && minor < b }
	switch {
	case older(leastMajor, leastMinor):
		return problem("kernel", "use Linux 5.12 or newer", "Linux %s: cp, export, commit and volumes of containers do not work", m.Release)
	case older(fullMajor, fullMinor):
		return warning("kernel", "use Linux 5.12 or newer", "Linux %s: cp, export and commit work for running containers only", m.Release)
	}
	return ok("kernel", "Linux %s", m.Release)
}

func (m Machine) overlay() Finding {
	for line := range strings.Lines(m.read("proc/filesystems")) {
		if strings.TrimSpace(line) == "overlay" || strings.HasSuffix(strings.TrimSpace(line), "\toverlay") {
			return ok("overlayfs", "known to the kernel")
		}
	}
	return problem("overlayfs", "modprobe overlay", "the kernel does not know overlayfs, which images are mounted with")
}

// wantedControllers are those by which `run` limits a container.
var wantedControllers = []string{"cpu", "cpuset", "io", "memory", "pids"}

func (m Machine) cgroups() Finding {
	if m.exists("sys/fs/cgroup/cgroup.controllers") {
		have := strings.Fields(m.read("sys/fs/cgroup/cgroup.controllers"))
		if missing := without(wantedControllers, have); len(missing) > 0 {
			return warning("cgroups", "enable them with the kernel's command line, or have them delegated to this place",
				"version 2 without %s: limits on them are refused", strings.Join(missing, ", "))
		}
		return ok("cgroups", "version 2 with %s", strings.Join(have, " "))
	}
	var have []string
	for _, name := range append([]string{"devices", "freezer"}, wantedControllers...) {
		if name == "io" {
			name = "blkio"
		}
		if m.exists("sys/fs/cgroup/" + name) {
			have = append(have, name)
		}
	}
	switch missing := without([]string{"blkio", "cpu", "cpuset", "devices", "freezer", "memory", "pids"}, have); {
	case len(have) == 0:
		return problem("cgroups", "mount -t cgroup2 none /sys/fs/cgroup", "no control groups are mounted at /sys/fs/cgroup: no container can start")
	case len(missing) > 0:
		return warning("cgroups", "mount them below /sys/fs/cgroup", "version 1 without %s: limits on them are refused", strings.Join(missing, ", "))
	}
	return ok("cgroups", "version 1 with %s", strings.Join(have, " "))
}

// without lists what of some words is not in others.
func without(words, others []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(others, w) })
}

func (m Machine) seccomp() Finding {
	if !strings.Contains(m.read("proc/self/status"), "\nSeccomp:") {
		return problem("seccomp", "use a kernel with CONFIG_SECCOMP_FILTER", "the kernel has no seccomp: containers can use every system call")
	}
	if m.read("sys/module/apparmor/parameters/enabled") == "Y" {
		return ok("seccomp", "on, with AppArmor")
	}
	return ok("seccomp", "on, without AppArmor")
}

// forwarding is only looked at: the first network that needs it switches it on.
func (m Machine) forwarding() Finding {
	switch m.read("proc/sys/net/ipv4/ip_forward") {
	case "1":
		return ok("forwarding", "net.ipv4.ip_forward is on")
	case "0":
		return ok("forwarding", "net.ipv4.ip_forward is off: the first container on a bridge switches it on")
	}
	return problem("forwarding", "mount -t proc proc /proc", "net.ipv4.ip_forward cannot be read: containers reach nothing outside")
}

// bridges says whether frames between containers of one bridge pass the firewall.
func (m Machine) bridges() Finding {
	switch m.read("proc/sys/net/bridge/bridge-nf-call-iptables") {
	case "1":
		return ok("bridge-nf", "frames between containers of one bridge pass iptables")
	case "0":
		return ok("bridge-nf", "net.bridge.bridge-nf-call-iptables is off, which only a kubelet minds")
	}
	return ok("bridge-nf", "br_netfilter is not loaded, and nothing here needs it")
}

// subordinate looks for the ids that user namespaces are mapped to.
func (m Machine) subordinate() Finding {
	if limit, err := strconv.Atoi(m.read("proc/sys/user/max_user_namespaces")); err == nil && limit == 0 {
		return warning("user-ns", "sysctl -w user.max_user_namespaces=10000", "user namespaces are switched off")
	}
	ranges := 0
	for _, file := range []string{"etc/subuid", "etc/subgid"} {
		scanner := bufio.NewScanner(strings.NewReader(m.read(file)))
		for scanner.Scan() {
			if strings.Count(scanner.Text(), ":") == 2 {
				ranges++
			}
		}
	}
	if ranges == 0 {
		return ok("user-ns", "possible; no ranges in /etc/subuid and /etc/subgid, which only rootless use needs")
	}
	return ok("user-ns", "possible; %d ranges in /etc/subuid and /etc/subgid", ranges)
}
