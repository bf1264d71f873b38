package limits

import (
	"github.com/nerd-cli/nerd/pkg/cgroup"
)

func (c *checker) cpu() error {
	r := c.r
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs > 0 && !c.m.CPUQuota:
		return refuse("NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted")
	case r.NanoCPUs < 0 || r.NanoCPUs > int64(c.m.NumCPU)*1e9:
		return refuse("Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", c.m.NumCPU, c.m.NumCPU)
	}
	c.unless(c.m.CPUShares, r.CPUShares > 0, func() { r.CPUShares = 0 },
		"Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.")
	c.unless(c.m.CPUQuota, r.CPUPeriod != 0 || r.CPUQuota != 0, func() { r.CPUPeriod, r.CPUQuota = 0, 0 },
		"Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.")
	if r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1_000_000) {
		return refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	}
	if r.CPUQuota > 0 && r.CPUQuota < 1000 {
		return refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	}
	return nil
}

// realtime is what dockerd checks when a container is made, and not when it is
// updated; there is no reason for the difference.
func (c *checker) realtime() error {
	r := c.r
	switch {
	case (r.CPURealtimePeriod != 0 || r.CPURealtimeRuntime != 0) && !c.m.CPURealtime:
		return refuse("Your kernel does not support CPU real-time scheduler")
	case r.CPURealtimePeriod != 0 && r.CPURealtimeRuntime > r.CPURealtimePeriod:
		return refuse("cpu real-time runtime cannot be higher than cpu real-time period")
	case r.CPURealtimePeriod < 0 || r.CPURealtimeRuntime < 0:
		return refuse("cpu real-time period and runtime cannot be negative")
	}
	return nil
}

func (c *checker) cpuset() error {
	r := c.r
	c.unless(c.m.Cpuset, r.CpusetCpus != "" || r.CpusetMems != "", func() { r.CpusetCpus, r.CpusetMems = "", "" },
		"Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.")
	ok, err := cgroup.Within(r.CpusetCpus, c.m.CPUs)
	if err != nil {
		return refuse("Invalid value %s for cpuset cpus: %v", r.CpusetCpus, err)
	}
	if !ok {
		return refuse("Requested CPUs are not available - requested %s, available: %s", r.CpusetCpus, c.m.CPUs)
	}
	ok, err = cgroup.Within(r.CpusetMems, c.m.Mems)
	if err != nil {
		return refuse("Invalid value %s for cpuset mems: %v", r.CpusetMems, err)
	}
	if !ok {
		return refuse("Requested memory nodes are not available - requested %s, available: %s", r.CpusetMems, c.m.Mems)
	}
	return nil
}
