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
	if !limits.Any(hc.Resources) { // the common case need not ask the machine
		if host.CgroupV2 {
			hc.OomKillDisable = nil
		}
		return nil, nil
	}
	return limits.Check(&hc.Resources, machine(host, hc.Resources), false)
}

// machine is what the limits of r are measured by.
func machine(host spec.Host, r container.Resources) limits.Machine {
	m := limits.Machine{NumCPU: runtime.NumCPU()}
	if host.Cgroup != nil {
		m.Features = host.Cgroup(r.BlkioWeight > 0 || len(r.BlkioWeightDevice) > 0)
	}
	return m
}
