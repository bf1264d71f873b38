package container

import (
	"runtime"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/limits"
	"github.com/nerd-cli/nerd/pkg/container/spec"
)

// checkLimits checks the limits of a container to be made and fills in what
// follows from them. The warnings are of what the machine cannot limit.
func (*Service) checkLimits(hc *container.HostConfig, host spec.Host) ([]string, error) {
	// systemd knows its groups by the names of slices.
	if parent := hc.CgroupParent; host.SystemdCgroup && parent != "" && (len(parent) <= len(".slice") || !strings.HasSuffix(parent, ".slice") || strings.Contains(parent, "/")) {
		return nil, errorf(errdefs.ErrInvalidArgument, `cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"`)
	}
	limits.Adapt(&hc.Resources)
	return limits.Check(&hc.Resources, machine(host), false)
}

func machine(host spec.Host) limits.Machine {
	return limits.Machine{Features: host.Cgroup, NumCPU: runtime.NumCPU()}
}
