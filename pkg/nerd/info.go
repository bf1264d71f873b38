package nerd

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/logs/driver"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// APIVersion is the version of Docker's API whose types and words are used.
const APIVersion = "1.56"

// Version is what Docker calls the server's version: containerd and the runtime
// below it. A runtime that does not tell its version is left out.
func (c *Client) Version(ctx context.Context) (system.VersionResponse, error) {
	version, revision, err := c.ServerVersion(ctx)
	if err != nil {
		return system.VersionResponse{}, err
	}
	out := system.VersionResponse{
		Version:    version,
		APIVersion: APIVersion,
		GitCommit:  revision,
		Os:         runtime.GOOS,
		Arch:       runtime.GOARCH,
		Components: []system.ComponentVersion{
			{Name: "containerd", Version: version, Details: map[string]string{"GitCommit": revision}},
		},
	}
	out.KernelVersion, _ = kernel()
	if rt, err := c.ctrd.Runtime(ctx); err == nil && rt.Version != "" {
		out.Components = append(out.Components, system.ComponentVersion{
			Name: "runc", Version: rt.Version, Details: map[string]string{"GitCommit": rt.Commit},
		})
	}
	return out, nil
}

// Info describes the machine and what nerd has on it, in the words of Docker's
// `GET /info`.
func (c *Client) Info(ctx context.Context) (system.Info, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return system.Info{}, err
	}
	host, err := container.HostFacts()
	if err != nil {
		return system.Info{}, err
	}
	out := system.Info{
		Warnings:        runcWarnings(version),
		Driver:          c.Snapshotter(),
		DriverStatus:    [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}},
		Plugins:         system.PluginsInfo{Volume: []string{"local"}, Network: append(netutil.Drivers(), "host", "null"), Log: driver.Names()},
		MemoryLimit:     true,
		SwapLimit:       host.Cgroup(false).Swap,
		CPUCfsPeriod:    true,
		CPUCfsQuota:     true,
		CPUShares:       true,
		CPUSet:          true,
		PidsLimit:       true,
		OomKillDisable:  !host.CgroupV2,
		IPv4Forwarding:  readLine("/proc/sys/net/ipv4/ip_forward") == "1",
		SystemTime:      time.Now().Format(time.RFC3339Nano),
		LoggingDriver:   c.logged,
		CgroupDriver:    "cgroupfs",
		CgroupVersion:   "1",
		OSType:          runtime.GOOS,
		NCPU:            runtime.NumCPU(),
		DockerRootDir:   c.Layout.Data,
		ServerVersion:   version.Version,
		Runtimes:        map[string]system.RuntimeWithStatus{},
		SecurityOptions: []string{},
		Containerd:      &system.ContainerdInfo{Address: c.Address(), Namespaces: system.ContainerdNamespaces{Containers: c.Layout.Namespace}},
	}
	for _, line := range c.Networks.Warnings(ctx) {
		out.Warnings = append(out.Warnings, "WARNING: "+line)
	}
	names, standard := c.Containers.Runtimes()
	for _, name := range names {
		out.Runtimes[name] = system.RuntimeWithStatus{}
	}
	out.DefaultRuntime = standard
	if host.CgroupV2 {
		out.CgroupVersion = "2"
		out.SecurityOptions = append(out.SecurityOptions, "name=cgroupns")
	}
	if host.SystemdCgroup {
		out.CgroupDriver = "systemd"
	}
	if host.AppArmor {
		out.SecurityOptions = append(out.SecurityOptions, "name=apparmor")
	}
	if host.Seccomp {
		out.SecurityOptions = append(out.SecurityOptions, "name=seccomp,profile=builtin")
	}
	for _, component := range version.Components {
		switch component.Name {
		case "containerd":
			out.ContainerdCommit.ID = cmp.Or(component.Details["GitCommit"], component.Version)
		case "runc":
			out.RuncCommit.ID = cmp.Or(component.Details["GitCommit"], component.Version)
		}
	}
	machine(&out)
	return out, c.count(ctx, &out)
}

// count fills in how many containers and images there are.
func (c *Client) count(ctx context.Context, out *system.Info) error {
	containers, err := c.Containers.List(ctx, container.ListOptions{All: true})
	if err != nil {
		return err
	}
	out.Containers = len(containers)
	for _, one := range containers {
		switch one.State {
		case apicontainer.StateRunning:
			out.ContainersRunning++
		case apicontainer.StatePaused:
			out.ContainersPaused++
		default:
			out.ContainersStopped++
		}
	}
	images, err := c.Images.List(ctx, image.ListOptions{})
	out.Images = len(images)
	return err
}

// machine fills in what the kernel and the distribution say of themselves.
// What cannot be read stays empty.
func machine(out *system.Info) {
	out.KernelVersion, out.Architecture = kernel()
	out.Name, _ = os.Hostname()
	out.ID = readLine("/etc/machine-id")
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) == nil {
		out.MemTotal = int64(si.Totalram) * int64(si.Unit)
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(release)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if text, err := strconv.Unquote(value); err == nil {
			value = text
		}
		switch key {
		case "PRETTY_NAME":
			out.OperatingSystem = value
		case "VERSION_ID":
			out.OSVersion = value
		}
	}
}

func kernel() (version, arch string) {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return "", ""
	}
	return unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:])
}

func readLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}
