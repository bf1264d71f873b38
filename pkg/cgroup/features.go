// Package cgroup reads the kernel's control groups, version 1 and version 2: what
// they can limit here, which groups a process is in, and what a group uses. It
// changes nothing.
package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is where every distribution mounts the control groups.
const Root = "/sys/fs/cgroup"

// Features says what the control groups of a machine can limit.
type Features struct {
	V2 bool

	Memory, Swap, MemoryReservation, Swappiness bool
	KernelMemory, OOMKillDisable                bool

	CPUShares, CPUQuota, CPURealtime bool
	Cpuset, Pids                     bool
	CPUs, Mems                       string // those that there are, as a list of the kernel's; empty: not known

	BlkioWeight, BlkioWeightDevice         bool
	ReadBps, WriteBps, ReadIOps, WriteIOps bool
}

// Detect looks at the machine; root is where the control groups are mounted. The
// search for weights of block devices takes longer than all the rest, a millisecond
// or so, and is left out unless it is asked for.
func Detect(root string, weights bool) Features {
	var st unix.Statfs_t
	detect := detectV1
	if unix.Statfs(root, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		detect = detectV2
	}
	f := detect(root)
	if weights {
		f.weights(root)
	}
	return f
}

// weights looks for the files of weights, which are not at the root.
func (f *Features) weights(root string) {
	if f.V2 {
		bfq := anyChild(root, "*/io.bfq.weight")
		f.BlkioWeight, f.BlkioWeightDevice = bfq || anyChild(root, "*/io.weight"), bfq && anyBFQ("/sys")
		return
	}
	f.BlkioWeight = exists(filepath.Join(root, "blkio/blkio.weight")) || anyChild(root, "blkio/*/blkio.bfq.weight")
	f.BlkioWeightDevice = exists(filepath.Join(root, "blkio/blkio.weight_device")) || anyChild(root, "blkio/*/blkio.bfq.weight_device") && anyBFQ("/sys")
}

// detectV1 looks for the files of each controller at its root.
func detectV1(root string) Features {
	has := func(name string) bool { return exists(filepath.Join(root, name)) }
	return Features{
		Memory:            has("memory/memory.limit_in_bytes"),
		Swap:              has("memory/memory.memsw.limit_in_bytes"),
		MemoryReservation: has("memory/memory.soft_limit_in_bytes"),
		Swappiness:        has("memory/memory.swappiness"),
		KernelMemory:      has("memory/memory.kmem.limit_in_bytes"),
		OOMKillDisable:    has("memory/memory.oom_control"),
		CPUShares:         has("cpu/cpu.shares"),
		CPUQuota:          has("cpu/cpu.cfs_quota_us"),
		CPURealtime:       has("cpu/cpu.rt_runtime_us"),
		Cpuset:            has("cpuset/cpuset.cpus"),
		Pids:              has("pids"),
		ReadBps:           has("blkio/blkio.throttle.read_bps_device"),
		WriteBps:          has("blkio/blkio.throttle.write_bps_device"),
		ReadIOps:          has("blkio/blkio.throttle.read_iops_device"),
		WriteIOps:         has("blkio/blkio.throttle.write_iops_device"),
		CPUs:              firstLine(filepath.Join(root, "cpuset/cpuset.cpus")),
		Mems:              firstLine(filepath.Join(root, "cpuset/cpuset.mems")),
	}
}

// detectV2 reads which controllers there are. What version 2 has dropped stays
// false: swappiness, kernel memory, the OOM killer's switch and real time.
func detectV2(root string) Features {
	have := map[string]bool{}
	for _, name := range strings.Fields(firstLine(filepath.Join(root, "cgroup.controllers"))) {
		have[name] = true
	}
	return Features{
		V2: true, Memory: have["memory"], MemoryReservation: have["memory"],
		// The root group has no limits, so any group below it is asked.
		Swap:      have["memory"] && anyChild(root, "*/memory.swap.max"),
		CPUShares: have["cpu"], CPUQuota: have["cpu"], Cpuset: have["cpuset"], Pids: have["pids"],
		CPUs:    firstLine(filepath.Join(root, "cpuset.cpus.effective")),
		Mems:    firstLine(filepath.Join(root, "cpuset.mems.effective")),
		ReadBps: have["io"], WriteBps: have["io"], ReadIOps: have["io"], WriteIOps: have["io"],
	}
}

// anyBFQ tells whether a block device is scheduled by BFQ, the only scheduler that
// knows weights of single devices.
func anyBFQ(sys string) bool {
	found, err := filepath.Glob(filepath.Join(sys, "block/*/queue/scheduler"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(found, func(path string) bool { return strings.Contains(firstLine(path), "[bfq]") })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func anyChild(root, pattern string) bool {
	found, err := filepath.Glob(filepath.Join(root, pattern))
	return err == nil && len(found) > 0
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}
