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

// minMemory is the least that dockerd accepts for --memory.
const minMemory = 6 << 20

func resources(s *specs.Spec, in Input, warnings *[]string) error {
	r, w, err := Resources(in.HostConfig.Resources, in.Host)
	if err != nil {
		return err
	}
	*warnings = append(*warnings, w...)
	s.Linux.Resources = r
	return nil
}

// Resources turns Docker's limits into cgroup settings; used at creation and by
// a live update.
func Resources(hc container.Resources, host Host) (*specs.LinuxResources, []string, error) {
	cpu, err := cpuLimits(hc)
	if err != nil {
		return nil, nil, err
	}
	memory, warnings, err := memoryLimits(hc, host)
	if err != nil {
		return nil, nil, err
	}
	r := &specs.LinuxResources{CPU: cpu, Memory: memory, BlockIO: blockIO(hc)}
	if hc.PidsLimit != nil && *hc.PidsLimit != 0 {
		limit := *hc.PidsLimit
		r.Pids = &specs.LinuxPids{Limit: &limit}
	}
	return r, warnings, nil
}

func cpuLimits(hc container.Resources) (*specs.LinuxCPU, error) {
	cpu := &specs.LinuxCPU{Cpus: hc.CpusetCpus, Mems: hc.CpusetMems}
	if hc.NanoCPUs < 0 || hc.NanoCPUs > 0 && (hc.CPUQuota > 0 || hc.CPUPeriod > 0) {
		return nil, fmt.Errorf("conflicting options: CPU count is negative, or cannot be combined with a CPU quota or period: %w", errdefs.ErrInvalidArgument)
	}
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
		return nil, nil
	}
	return cpu, nil
}

func memoryLimits(hc container.Resources, host Host) (*specs.LinuxMemory, []string, error) {
	switch {
	case hc.Memory != 0 && hc.Memory < minMemory:
		return nil, nil, fmt.Errorf("minimum memory limit allowed is 6MB: %w", errdefs.ErrInvalidArgument)
	case hc.MemorySwap > 0 && hc.Memory == 0:
		return nil, nil, fmt.Errorf("you should always set the Memory limit when using Memoryswap limit: %w", errdefs.ErrInvalidArgument)
	case hc.MemorySwap > 0 && hc.MemorySwap < hc.Memory:
		return nil, nil, fmt.Errorf("minimum memoryswap limit should be larger than memory limit: %w", errdefs.ErrInvalidArgument)
	case hc.MemoryReservation > 0 && hc.Memory > 0 && hc.Memory < hc.MemoryReservation:
		return nil, nil, fmt.Errorf("minimum memory limit can not be less than memory reservation limit: %w", errdefs.ErrInvalidArgument)
	}
	m := &specs.LinuxMemory{}
	var warnings []string
	if hc.Memory > 0 {
		limit := hc.Memory
		m.Limit = &limit
	}
	switch swap := hc.MemorySwap; {
	case !host.SwapLimit && (swap > 0 || hc.Memory > 0):
		if swap > 0 {
			warnings = append(warnings, "Your kernel does not support swap limit capabilities. Memory limited without swap.")
		}
	case swap == 0 && hc.Memory > 0: // dockerd: as much swap as memory
		swap = 2 * hc.Memory
		m.Swap = &swap
	case swap != 0:
		m.Swap = &swap
	}
	if hc.MemoryReservation > 0 {
		reservation := hc.MemoryReservation
		m.Reservation = &reservation
	}
	if hc.MemorySwappiness != nil && *hc.MemorySwappiness >= 0 {
		if host.CgroupV2 {
			warnings = append(warnings, "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.")
		} else {
			swappiness := uint64(*hc.MemorySwappiness)
			m.Swappiness = &swappiness
		}
	}
	if hc.OomKillDisable != nil && *hc.OomKillDisable {
		if host.CgroupV2 {
			warnings = append(warnings, "Your kernel does not support OomKillDisable. OomKillDisable discarded.")
		} else {
			m.DisableOOMKiller = hc.OomKillDisable
		}
	}
	if *m == (specs.LinuxMemory{}) {
		return nil, warnings, nil
	}
	return m, warnings, nil
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
