package spec

import (
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// cpuPeriod is the CFS period that --cpus is expressed in, in microseconds.
const cpuPeriod = 100_000

func resources(s *specs.Spec, in Input, _ *[]string) error {
	s.Linux.Resources = Resources(in.HostConfig.Resources)
	return nil
}

// Resources turns Docker's limits, which have been checked, into cgroup settings;
// used at creation and by a live update. Block devices stand as "MAJOR:MINOR".
func Resources(hc container.Resources) *specs.LinuxResources {
	r := &specs.LinuxResources{CPU: cpuLimits(hc), Memory: memoryLimits(hc), BlockIO: blockIO(hc)}
	if hc.PidsLimit != nil {
		limit := *hc.PidsLimit
		if limit == 0 { // what an update to "unlimited" leaves
			limit = -1
		}
		r.Pids = &specs.LinuxPids{Limit: &limit}
	}
	return r
}

func cpuLimits(hc container.Resources) *specs.LinuxCPU {
	cpu := &specs.LinuxCPU{Cpus: hc.CpusetCpus, Mems: hc.CpusetMems}
	if hc.NanoCPUs > 0 {
		quota, period := hc.NanoCPUs*cpuPeriod/1e9, uint64(cpuPeriod)
		cpu.Quota, cpu.Period = &quota, &period
	}
	if hc.CPUShares > 0 {
		shares := uint64(hc.CPUShares)
		cpu.Shares = &shares
	}
	if hc.CPUPeriod > 0 {
		period := uint64(hc.CPUPeriod)
		cpu.Period = &period
	}
	if hc.CPUQuota != 0 {
		quota := hc.CPUQuota
		cpu.Quota = &quota
	}
	if hc.CPURealtimePeriod > 0 {
		period := uint64(hc.CPURealtimePeriod)
		cpu.RealtimePeriod = &period
	}
	if hc.CPURealtimeRuntime > 0 {
		runtime := hc.CPURealtimeRuntime
		cpu.RealtimeRuntime = &runtime
	}
	if *cpu == (specs.LinuxCPU{}) {
		return nil
	}
	return cpu
}

func memoryLimits(hc container.Resources) *specs.LinuxMemory {
	m := &specs.LinuxMemory{}
	if hc.Memory > 0 {
		limit := hc.Memory
		m.Limit = &limit
	}
	if hc.MemorySwap != 0 {
		swap := hc.MemorySwap
		m.Swap = &swap
	}
	if hc.MemoryReservation > 0 {
		reservation := hc.MemoryReservation
		m.Reservation = &reservation
	}
	if hc.MemorySwappiness != nil && *hc.MemorySwappiness >= 0 {
		swappiness := uint64(*hc.MemorySwappiness)
		m.Swappiness = &swappiness
	}
	if hc.OomKillDisable != nil && *hc.OomKillDisable {
		m.DisableOOMKiller = hc.OomKillDisable
	}
	if *m == (specs.LinuxMemory{}) {
		return nil
	}
	return m
}

func blockIO(hc container.Resources) *specs.LinuxBlockIO {
	b := &specs.LinuxBlockIO{}
	if hc.BlkioWeight > 0 {
		weight := hc.BlkioWeight
		b.Weight = &weight
	}
	for _, d := range hc.BlkioWeightDevice {
		major, minor, ok := deviceNumbers(d.Path)
		if !ok {
			continue
		}
		w := specs.LinuxWeightDevice{Weight: &d.Weight}
		w.Major, w.Minor = major, minor
		b.WeightDevice = append(b.WeightDevice, w)
	}
	b.ThrottleReadBpsDevice = throttles(hc.BlkioDeviceReadBps)
	b.ThrottleWriteBpsDevice = throttles(hc.BlkioDeviceWriteBps)
	b.ThrottleReadIOPSDevice = throttles(hc.BlkioDeviceReadIOps)
	b.ThrottleWriteIOPSDevice = throttles(hc.BlkioDeviceWriteIOps)
	if b.Weight == nil && b.WeightDevice == nil && b.ThrottleReadBpsDevice == nil && b.ThrottleWriteBpsDevice == nil &&
		b.ThrottleReadIOPSDevice == nil && b.ThrottleWriteIOPSDevice == nil {
		return nil
	}
	return b
}

func throttles(list []*blkiodev.ThrottleDevice) []specs.LinuxThrottleDevice {
	var out []specs.LinuxThrottleDevice
	for _, d := range list {
		if major, minor, ok := deviceNumbers(d.Path); ok {
			t := specs.LinuxThrottleDevice{Rate: d.Rate}
			t.Major, t.Minor = major, minor
			out = append(out, t)
		}
	}
	return out
}

// deviceNumbers reads a device written as "MAJOR:MINOR", which the caller makes
// of a path before it asks for a specification.
func deviceNumbers(s string) (major, minor int64, ok bool) {
	n, err := fmt.Sscanf(s, "%d:%d", &major, &minor)
	return major, minor, err == nil && n == 2
}

func rlimits(s *specs.Spec, in Input, _ *[]string) error {
	for _, u := range in.HostConfig.Ulimits {
		if u.Soft > u.Hard && u.Hard != -1 {
			return fmt.Errorf("ulimit %s: the soft limit %d is above the hard limit %d: %w", u.Name, u.Soft, u.Hard, errdefs.ErrInvalidArgument)
		}
		s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{
			Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard),
		})
	}
	return nil
}
