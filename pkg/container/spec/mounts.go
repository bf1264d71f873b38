package spec

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// DefaultShmSize is dockerd's size of /dev/shm, in bytes.
const DefaultShmSize = 64 << 20

const shmPath = "/dev/shm"

// mounts are the standard ones in the order dockerd mounts them, less those that
// the container's take the place of, then the container's, sorted so that a mount
// inside another comes after it.
func mounts(in Input) []specs.Mount {
	hc := in.HostConfig
	sys, cg := []string{"nosuid", "noexec", "nodev", "ro"}, []string{"ro", "nosuid", "noexec", "nodev", "relatime"}
	if hc.Privileged {
		sys[3], cg[0] = "rw", "rw"
	}
	if in.writableCgroups() {
		cg[0] = "rw"
	}
	std := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: cg},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		shm(in),
	}
	own := slices.Clone(in.Mounts)
	for _, target := range slices.Sorted(maps.Keys(hc.Tmpfs)) {
		own = append(own, tmpfs(target, hc.Tmpfs[target]))
	}
	slices.SortStableFunc(own, func(a, b specs.Mount) int { return depth(a) - depth(b) })
	return append(slices.DeleteFunc(std, func(m specs.Mount) bool {
		return m.Destination == shmPath && hc.IpcMode.IsNone() || overridden(m, own)
	}), own...)
}

// overridden tells whether a mount of the container takes the place of a standard
// one. Who mounts /dev brings all that belongs there.
func overridden(std specs.Mount, own []specs.Mount) bool {
	return slices.ContainsFunc(own, func(m specs.Mount) bool {
		return m.Destination == std.Destination || m.Destination == "/dev" && strings.HasPrefix(std.Destination, "/dev/")
	})
}

func depth(m specs.Mount) int { return strings.Count(filepath.Clean(m.Destination), "/") }

func shm(in Input) specs.Mount {
	if source := in.shmSource(); source != "" {
		return specs.Mount{Destination: shmPath, Type: "bind", Source: source, Options: []string{"rbind", "nosuid", "noexec", "nodev"}}
	}
	size := in.HostConfig.ShmSize
	if size == 0 {
		size = DefaultShmSize
	}
	return specs.Mount{
		Destination: shmPath, Type: "tmpfs", Source: "shm",
		Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(size, 10)},
	}
}

// shmSource is the folder of the host that is the container's /dev/shm; empty
// where it has one of its own.
func (in Input) shmSource() string {
	if in.HostConfig.IpcMode.IsHost() {
		return shmPath
	}
	return in.Namespaces.Shm
}

// tmpfs is a mount of --tmpfs, with dockerd's defaults before the user's options.
func tmpfs(target, opts string) specs.Mount {
	m := specs.Mount{Destination: target, Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "nosuid", "nodev"}}
	for _, o := range strings.Split(opts, ",") {
		if o == "" {
			continue
		}
		positive := strings.TrimPrefix(o, "no")
		m.Options = slices.DeleteFunc(m.Options, func(have string) bool { return strings.TrimPrefix(have, "no") == positive })
		m.Options = append(m.Options, o)
	}
	return m
}

// defaultMasked and defaultReadonly are dockerd's lists: parts of /proc and /sys
// that tell of, or change, the host.
var (
	defaultMasked = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware",
	}
	defaultReadonly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func masks(s *specs.Spec, in Input) {
	if in.HostConfig.Privileged || unconfinedPaths(in.HostConfig.SecurityOpt) {
		return
	}
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = defaultMasked, defaultReadonly
	if in.HostConfig.MaskedPaths != nil {
		s.Linux.MaskedPaths = in.HostConfig.MaskedPaths
	}
	if in.HostConfig.ReadonlyPaths != nil {
		s.Linux.ReadonlyPaths = in.HostConfig.ReadonlyPaths
	}
}

func unconfinedPaths(opts []string) bool {
	return slices.Contains(opts, "systempaths=unconfined") || slices.Contains(opts, "systempaths:unconfined")
}

// writableCgroups: a malformed option is reported when all of them are read.
func (in Input) writableCgroups() bool {
	opts, err := ParseSecurityOpt(in.HostConfig.SecurityOpt)
	return err == nil && opts.WritableCgroups
}
