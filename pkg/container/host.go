package container

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/cgroup"
	"github.com/nerd-cli/nerd/pkg/container/spec"
)

// cgroupRoot is where every distribution mounts the control groups.
const cgroupRoot = "/sys/fs/cgroup"

// HostFacts looks at the machine.
func HostFacts() (spec.Host, error) {
	h := spec.Host{
		CgroupV2: cgroupV2(),
		Seccomp:  exists("/proc/sys/kernel/seccomp/actions_avail"),
		SELinux:  exists("/sys/fs/selinux/enforce"),
		AppArmor: readFlag("/sys/module/apparmor/parameters/enabled"),
		Devices:  hostDevices,
	}
	// systemd owns the unified tree where it runs; on version 1 everybody writes
	// to their own part.
	h.SystemdCgroup = h.CgroupV2 && exists("/run/systemd/system")
	h.Cgroup = func(weights bool) cgroup.Features { return cgroup.Detect(cgroupRoot, weights) }
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return h, err
	}
	h.SeccompProfile = seccompProfile(statusField(status, "Seccomp") == "0")
	h.Capabilities, err = boundingSet(status)
	return h, err
}

// statusField is a value of /proc/PID/status, empty if there is none.
func statusField(status []byte, name string) string {
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

func cgroupV2() bool {
	var st unix.Statfs_t
	return unix.Statfs(cgroupRoot, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// boundingSet is the capabilities that this process, and so a container, can
// have at most.
func boundingSet(status []byte) ([]string, error) {
	bits, err := strconv.ParseUint(statusField(status, "CapBnd"), 16, 64)
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

// seccompProfile makes the rules of a profile in Docker's JSON, or of Docker's
// default one. The default has rules for three ABIs of x86-64. The runtime compiles
// all of them anew for each start and each exec, so those of x32 are left out where
// the kernel is known not to have it; see docs/adr/013-x32-seccomp.md. A profile of
// the user's own is taken as it is. mayProbe says that no filter confines this
// process, so that asking the kernel cannot end it.
func seccompProfile(mayProbe bool) func(string, *specs.Spec) (*specs.LinuxSeccomp, error) {
	return func(text string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
		if text != "" {
			return seccomp.LoadProfile(text, s)
		}
		out, err := seccomp.GetDefaultProfile(s)
		if err == nil && mayProbe && lacksX32() {
			out.Architectures = slices.DeleteFunc(out.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
		}
		return out, err
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readFlag(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.HasPrefix(string(b), "Y")
}
