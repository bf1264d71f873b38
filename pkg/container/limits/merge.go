package limits

import "github.com/moby/moby/api/types/container"

// Merge is the limits of a container after an update: what change leaves zero
// stays. The rules are those of `docker update`: processors given as --cpus and
// as a quota exclude each other for good, and the limit of memory only grows
// beyond that of memory and swap together if both are given.
func Merge(have, change container.Resources) (container.Resources, error) {
	switch {
	case change.NanoCPUs > 0 && have.CPUPeriod > 0:
		return have, refuse("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
	case change.NanoCPUs > 0 && have.CPUQuota > 0:
		return have, refuse("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set")
	case change.CPUPeriod > 0 && have.NanoCPUs > 0:
		return have, refuse("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
	case change.CPUQuota > 0 && have.NanoCPUs > 0:
		return have, refuse("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
	case change.Memory > have.MemorySwap && change.MemorySwap == 0 && have.MemorySwap != -1:
		return have, refuse("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
	}
	out := have
	set(&out.BlkioWeight, change.BlkioWeight)
	set(&out.CPUShares, change.CPUShares)
	set(&out.NanoCPUs, change.NanoCPUs)
	set(&out.CPUPeriod, change.CPUPeriod)
	set(&out.CPUQuota, change.CPUQuota)
	set(&out.CPURealtimePeriod, change.CPURealtimePeriod)
	set(&out.CPURealtimeRuntime, change.CPURealtimeRuntime)
	set(&out.CpusetCpus, change.CpusetCpus)
	set(&out.CpusetMems, change.CpusetMems)
	set(&out.Memory, change.Memory)
	set(&out.MemorySwap, change.MemorySwap)
	set(&out.MemoryReservation, change.MemoryReservation)
	if p := change.PidsLimit; p != nil {
		limit := max(*p, 0) // 0 and -1 are the same: none
		out.PidsLimit = &limit
	}
	if out.Memory > 0 && out.MemorySwap > 0 && out.MemorySwap < out.Memory {
		return have, refuse("Minimum memoryswap limit should be larger than memory limit, see usage")
	}
	// dockerd takes a limit below the reservation and then cannot start the
	// container any more.
	if err := order(&out); err != nil {
		return have, err
	}
	return out, nil
}

func set[T comparable](dst *T, v T) {
	var zero T
	if v != zero {
		*dst = v
	}
}
