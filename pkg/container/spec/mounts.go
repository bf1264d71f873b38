package spec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultShmSize is dockerd's, in bytes.
const defaultShmSize = 64 << 20

// mounts are the standard ones in the order dockerd mounts them, then the
// container's, sorted so that a mount inside another comes after it.
func mounts(in Input) []specs.Mount {
	hc := in.HostConfig
	sys, cg := []string{"nosuid", "noexec", "nodev", "ro"}, []string{"ro", "nosuid", "noexec", "nodev", "relatime"}
	if hc.Privileged {
		sys[3], cg[0] = "rw", "rw"
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
	for target, opts := range hc.Tmpfs {
		std = append(std, tmpfs(target, opts))
	}
	all := slices.DeleteFunc(std, func(m specs.Mount) bool {
		return slices.ContainsFunc(in.Mounts, func(o specs.Mount) bool { return o.Destination == m.Destination })
	})
	own := slices.Clone(in.Mounts)
	slices.SortStableFunc(own, func(a, b specs.Mount) int {
		return strings.Count(a.Destination, "/") - strings.Count(b.Destination, "/")
	})
	return append(all, own...)
}

func shm(in Input) specs.Mount {
	if in.HostConfig.IpcMode.IsHost() {
		return specs.Mount{Destination: "/dev/shm", Type: "bind", Source: "/dev/shm", Options: []string{"rbind", "nosuid", "noexec", "nodev"}}
	}
	size := in.HostConfig.ShmSize
	if size == 0 {
		size = defaultShmSize
	}
	return specs.Mount{
		Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
		Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(size, 10)},
	}
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
	return slices.Contains(opts, "systempaths=unconfined")
}
