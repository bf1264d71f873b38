// Package limits checks the resources that a container asks for, against each
// other and against what the machine can limit, by dockerd's rules and in its
// words. It is pure.
package limits

import (
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cgroup"
)

// minMemory is the least that dockerd accepts for a limit of memory.
const minMemory = 6 << 20

// refusal is an error in Docker's words; its kind does not show.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) Unwrap() error   { return errdefs.ErrInvalidArgument }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// Machine is what a container's limits are measured by.
type Machine struct {
	cgroup.Features
	NumCPU int
}

// checker gathers the warnings while it goes through the settings of r, from
// which it takes out what the machine cannot do.
type checker struct {
	r        *container.Resources
	m        Machine
	update   bool
	warnings []string
}

// unless warns and drops a setting that the machine does not know.
func (c *checker) unless(supported, asked bool, drop func(), warning string) {
	if !supported && asked {
		c.warnings = append(c.warnings, warning)
		drop()
	}
}

// Check refuses what is wrong, takes out of r what the machine cannot limit and
// returns a warning for each of these. update says that r holds the changes to a
// container rather than all its limits.
func Check(r *container.Resources, m Machine, update bool) ([]string, error) {
	c := &checker{r: r, m: m, update: update}
	for _, step := range []func() error{c.memory, c.oomKiller, c.pids, c.cpu, c.realtime, c.cpuset, c.blkioWeight, c.throttles} {
		if err := step(); err != nil {
			return c.warnings, err
		}
	}
	return c.warnings, nil
}

// Adapt fills in what follows from the limits that were given, as dockerd does, so
// that inspect shows what is in force.
func Adapt(r *container.Resources) {
	if r.Memory > 0 && r.MemorySwap == 0 {
		r.MemorySwap = 2 * r.Memory // as much swap as memory
	}
	if r.MemorySwappiness != nil && *r.MemorySwappiness == -1 {
		r.MemorySwappiness = nil
	}
	if r.PidsLimit != nil && *r.PidsLimit < 0 {
		r.PidsLimit = new(int64) // no limit, not even the one that systemd sets by itself
	}
	if r.OomKillDisable == nil {
		r.OomKillDisable = new(bool)
	}
}

// Any tells whether a limit is set at all.
func Any(r container.Resources) bool {
	numbers := []int64{
		r.Memory, r.MemorySwap, r.MemoryReservation, r.NanoCPUs, r.CPUShares, r.CPUPeriod, r.CPUQuota, r.CPURealtimePeriod, r.CPURealtimeRuntime,
		int64(r.BlkioWeight), int64(r.IOMaximumIOps), int64(r.IOMaximumBandwidth),
		int64(len(r.CpusetCpus) + len(r.CpusetMems) + len(r.BlkioWeightDevice)),
		int64(len(r.BlkioDeviceReadBps) + len(r.BlkioDeviceWriteBps) + len(r.BlkioDeviceReadIOps) + len(r.BlkioDeviceWriteIOps)),
	}
	return slices.ContainsFunc(numbers, func(n int64) bool { return n != 0 }) ||
		r.MemorySwappiness != nil || r.PidsLimit != nil || r.OomKillDisable != nil && *r.OomKillDisable
}

func (c *checker) memory() error {
	r := c.r
	if r.Memory != 0 && r.Memory < minMemory {
		return refuse("Minimum memory limit allowed is 6MB")
	}
	c.unless(c.m.Memory, r.Memory > 0, func() { r.Memory, r.MemorySwap = 0, -1 },
		"Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.")
	c.unless(c.m.Swap, r.Memory > 0 && r.MemorySwap != -1, func() { r.MemorySwap = -1 },
		"Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.")
	if r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory {
		return refuse("Minimum memoryswap limit should be larger than memory limit, see usage")
	}
	if r.Memory == 0 && r.MemorySwap > 0 && !c.update {
		return refuse("You should always set the Memory limit when using Memoryswap limit, see usage")
	}
	c.unless(c.m.Swappiness, r.MemorySwappiness != nil && *r.MemorySwappiness != -1, func() { r.MemorySwappiness = nil },
		"Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.")
	if s := r.MemorySwappiness; s != nil && (*s < -1 || *s > 100) {
		return refuse("Invalid value: %d, valid memory swappiness range is 0-100", *s)
	}
	c.unless(c.m.MemoryReservation, r.MemoryReservation > 0, func() { r.MemoryReservation = 0 },
		"Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.")
	if r.MemoryReservation > 0 && r.MemoryReservation < minMemory {
		return refuse("Minimum memory reservation allowed is 6MB")
	}
	return order(r)
}

// order checks the limits of memory against each other.
func order(r *container.Resources) error {
	if r.Memory > 0 && r.MemoryReservation > 0 && r.Memory < r.MemoryReservation {
		return refuse("Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	return nil
}

func (c *checker) oomKiller() error {
	disable := c.r.OomKillDisable
	c.unless(c.m.OOMKillDisable, disable != nil && *disable, func() {},
		"Your kernel does not support OomKillDisable. OomKillDisable discarded.")
	if !c.m.OOMKillDisable {
		c.r.OomKillDisable = nil
	}
	if d := c.r.OomKillDisable; d != nil && *d && c.r.Memory == 0 {
		c.warnings = append(c.warnings, "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.")
	}
	return nil
}

func (c *checker) pids() error {
	limit := c.r.PidsLimit
	c.unless(c.m.Pids, limit != nil && *limit > 0, func() { c.r.PidsLimit = nil },
		"Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.")
	return nil
}
