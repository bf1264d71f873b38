package cgroup

import (
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// Usage is what a group uses, in the shape of Docker's API. Counters only grow;
// what the kernel does not tell stays zero.
type Usage struct {
	CPU    container.CPUStats // nanoseconds; SystemUsage and OnlineCPUs are not filled in
	Memory container.MemoryStats
	BlkIO  container.BlkioStats
	Pids   container.PidsStats
}

// Read reads the files of the group. A group that is gone is an fs.ErrNotExist.
func (g Group) Read() (Usage, error) {
	if g.v2 {
		return g.readV2()
	}
	return g.readV1()
}

func (g Group) readV1() (Usage, error) {
	var u Usage
	total, err := number64(g.file("cpuacct", "cpuacct.usage", ""))
	if err != nil {
		return u, err
	}
	u.CPU.CPUUsage.TotalUsage = total
	u.CPU.CPUUsage.UsageInUsermode, _ = number64(g.file("cpuacct", "cpuacct.usage_user", ""))
	u.CPU.CPUUsage.UsageInKernelmode, _ = number64(g.file("cpuacct", "cpuacct.usage_sys", ""))
	throttled := table(g.file("cpu", "cpu.stat", ""))
	u.CPU.ThrottlingData = container.ThrottlingData{
		Periods: throttled["nr_periods"], ThrottledPeriods: throttled["nr_throttled"], ThrottledTime: throttled["throttled_time"],
	}
	u.Memory.Usage, _ = number64(g.file("memory", "memory.usage_in_bytes", ""))
	u.Memory.MaxUsage, _ = number64(g.file("memory", "memory.max_usage_in_bytes", ""))
	u.Memory.Failcnt, _ = number64(g.file("memory", "memory.failcnt", ""))
	u.Memory.Limit, _ = number64(g.file("memory", "memory.limit_in_bytes", ""))
	u.Memory.Stats = table(g.file("memory", "memory.stat", ""))
	g.pids(&u)
	u.BlkIO.IoServiceBytesRecursive = blkioV1(g.file("blkio", "blkio.throttle.io_service_bytes_recursive", ""))
	u.BlkIO.IoServicedRecursive = blkioV1(g.file("blkio", "blkio.throttle.io_serviced_recursive", ""))
	return u, nil
}

func (g Group) readV2() (Usage, error) {
	var u Usage
	if _, err := os.Stat(g.file("", "", "cpu.stat")); err != nil {
		return u, err
	}
	cpu := table(g.file("", "", "cpu.stat"))
	u.CPU.CPUUsage = container.CPUUsage{
		TotalUsage: cpu["usage_usec"] * 1000, UsageInUsermode: cpu["user_usec"] * 1000, UsageInKernelmode: cpu["system_usec"] * 1000,
	}
	u.CPU.ThrottlingData = container.ThrottlingData{
		Periods: cpu["nr_periods"], ThrottledPeriods: cpu["nr_throttled"], ThrottledTime: cpu["throttled_usec"] * 1000,
	}
	u.Memory.Usage, _ = number64(g.file("", "", "memory.current"))
	u.Memory.MaxUsage, _ = number64(g.file("", "", "memory.peak"))
	u.Memory.Failcnt = table(g.file("", "", "memory.events"))["oom"]
	u.Memory.Limit, _ = number64(g.file("", "", "memory.max"))
	u.Memory.Stats = table(g.file("", "", "memory.stat"))
	g.pids(&u)
	u.BlkIO = blkioV2(g.file("", "", "io.stat"))
	return u, nil
}

func (g Group) pids(u *Usage) {
	u.Pids.Current, _ = number64(g.file("pids", "pids.current", "pids.current"))
	u.Pids.Limit, _ = number64(g.file("pids", "pids.max", "pids.max"))
}

// number64 reads a file of one number; "max" is the greatest.
func number64(path string) (uint64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(data))
	if text == "max" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// table reads lines of a name and a number.
func table(path string) map[string]uint64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	out := make(map[string]uint64, strings.Count(string(data), "\n"))
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}

// blkioV1 reads lines such as "8:0 Read 4096".
func blkioV1(path string) []container.BlkioStatEntry {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var out []container.BlkioStatEntry
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue // the total
		}
		if e, ok := entry(f[0], strings.ToLower(f[1]), f[2]); ok {
			out = append(out, e)
		}
	}
	return out
}

// blkioV2 reads lines such as "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0".
func blkioV2(path string) container.BlkioStats {
	var out container.BlkioStats
	data, err := os.ReadFile(path)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		for _, pair := range f[1:] {
			name, value, _ := strings.Cut(pair, "=")
			op, ok := map[string]string{"rbytes": "read", "wbytes": "write", "rios": "read", "wios": "write"}[name]
			if !ok {
				continue
			}
			list := &out.IoServiceBytesRecursive
			if strings.HasSuffix(name, "ios") {
				list = &out.IoServicedRecursive
			}
			if e, ok := entry(f[0], op, value); ok {
				*list = append(*list, e)
			}
		}
	}
	return out
}

func entry(device, op, value string) (container.BlkioStatEntry, bool) {
	major, minor, ok := strings.Cut(device, ":")
	a, err1 := strconv.ParseUint(major, 10, 64)
	b, err2 := strconv.ParseUint(minor, 10, 64)
	n, err3 := strconv.ParseUint(value, 10, 64)
	return container.BlkioStatEntry{Major: a, Minor: b, Op: op, Value: n}, ok && err1 == nil && err2 == nil && err3 == nil
}

// HostMemory is how much memory the machine has, in bytes; zero if it cannot be
// asked.
func HostMemory() uint64 {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	return si.Totalram * uint64(si.Unit)
}
