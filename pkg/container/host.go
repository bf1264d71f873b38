package container

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/container/spec"
)

// cgroupRoot is where every distribution mounts the control groups.
const cgroupRoot = "/sys/fs/cgroup"

// HostFacts looks at the machine.
func HostFacts() (spec.Host, error) {
	h := spec.Host{
		CgroupV2:       cgroupV2(),
		Seccomp:        exists("/proc/sys/kernel/seccomp/actions_avail"),
		AppArmor:       readFlag("/sys/module/apparmor/parameters/enabled"),
		Devices:        hostDevices,
		SeccompProfile: seccompProfile,
	}
	// systemd owns the unified tree where it runs; on version 1 everybody writes
	// to their own part.
	h.SystemdCgroup = h.CgroupV2 && exists("/run/systemd/system")
	h.SwapLimit = swapLimit(h.CgroupV2)
	var err error
	h.Capabilities, err = boundingSet()
	return h, err
}

func cgroupV2() bool {
	var st unix.Statfs_t
	return unix.Statfs(cgroupRoot, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// swapLimit looks for the file that limits swap. On version 2 the root group has
// none, so any group below it is asked.
func swapLimit(v2 bool) bool {
	pattern := "memory/memory.memsw.limit_in_bytes"
	if v2 {
		pattern = "*/memory.swap.max"
	}
	found, err := filepath.Glob(filepath.Join(cgroupRoot, pattern))
	return err == nil && len(found) > 0
}

// boundingSet is the capabilities that this process, and so a container, can
// have at most.
func boundingSet() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	_, rest, ok := strings.Cut(string(status), "\nCapBnd:\t")
	if !ok {
		return nil, fmt.Errorf("/proc/self/status has no CapBnd line")
	}
	line, _, _ := strings.Cut(rest, "\n")
	bits, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return nil, fmt.Errorf("CapBnd of /proc/self/status: %w", err)
	}
	var set []string
	for n := range 64 {
		if name, ok := spec.KnownCapability(n); ok && bits&(1<<n) != 0 {
			set = append(set, name)
		}
	}
	return set, nil
}

func hostDevices(path string) ([]specs.LinuxDevice, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return devicesBelow(path)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	d, err := oci.DeviceFromPath(target)
	if err != nil {
		return nil, err
	}
	d.Path = path
	return []specs.LinuxDevice{*d}, nil
}

// devicesBelow lists the nodes in a folder, skipping what a container has its own of.
func devicesBelow(dir string) ([]specs.LinuxDevice, error) {
	var out []specs.LinuxDevice
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // a node that went away
		}
		if e.IsDir() {
			switch e.Name() {
			case "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev":
				return filepath.SkipDir
			}
			return nil
		}
		if e.Type()&fs.ModeDevice == 0 || e.Name() == "console" {
			return nil
		}
		if d, err := oci.DeviceFromPath(path); err == nil {
			out = append(out, *d)
		}
		return nil
	})
	return out, err
}

func seccompProfile(text string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
	if text == "" {
		return seccomp.GetDefaultProfile(s)
	}
	return seccomp.LoadProfile(text, s)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readFlag(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.HasPrefix(string(b), "Y")
}
