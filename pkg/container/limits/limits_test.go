package limits

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cgroup"
)

func ptr[T any](v T) *T { return &v }

// full is a machine that can limit everything.
func full() Machine {
	return Machine{NumCPU: 2, Features: cgroup.Features{
		Memory: true, Swap: true, MemoryReservation: true, Swappiness: true, KernelMemory: true, OOMKillDisable: true,
		CPUShares: true, CPUQuota: true, CPURealtime: true, Cpuset: true, Pids: true, CPUs: "0-1", Mems: "0",
		BlkioWeight: true, BlkioWeightDevice: true, ReadBps: true, WriteBps: true, ReadIOps: true, WriteIOps: true,
	}}
}

func TestRefused(t *testing.T) {
	for want, in := range map[string]container.Resources{
		"Minimum memory limit allowed is 6MB":                                                  {Memory: minMemory - 1},
		"Minimum memory reservation allowed is 6MB":                                            {MemoryReservation: 1},
		"You should always set the Memory limit when using Memoryswap limit, see usage":        {MemorySwap: 64 << 20},
		"Minimum memoryswap limit should be larger than memory limit, see usage":               {Memory: 64 << 20, MemorySwap: 63 << 20},
		"Minimum memory limit can not be less than memory reservation limit, see usage":        {Memory: 64 << 20, MemoryReservation: 65 << 20},
		"Invalid value: 101, valid memory swappiness range is 0-100":                           {MemorySwappiness: ptr(int64(101))},
		"Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available":               {NanoCPUs: 2_000_000_001},
		"Conflicting options: Nano CPUs and CPU Quota cannot both be set":                      {NanoCPUs: 1, CPUQuota: 1},
		"Conflicting options: Nano CPUs and CPU Period cannot both be set":                     {NanoCPUs: 1, CPUPeriod: 1},
		"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)": {CPUPeriod: 999},
		"CPU cfs quota can not be less than 1ms (i.e. 1000)":                                   {CPUQuota: 999},
		"cpu real-time runtime cannot be higher than cpu real-time period":                     {CPURealtimePeriod: 1, CPURealtimeRuntime: 2},
		"Invalid value x for cpuset cpus: invalid format: x":                                   {CpusetCpus: "x"},
		"Invalid value 1-0 for cpuset mems: invalid format: 1-0":                               {CpusetMems: "1-0"},
		"Requested CPUs are not available - requested 0-9, available: 0-1":                     {CpusetCpus: "0-9"},
		"Requested memory nodes are not available - requested 7, available: 0":                 {CpusetMems: "7"},
		"Range of blkio weight is from 10 to 1000":                                             {BlkioWeight: 9},
		"Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps": {IOMaximumIOps: 1},
	} {
		_, err := Check(&in, full(), false)
		if err == nil || err.Error() != want || !errdefs.IsInvalidArgument(err) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, nano := range []int64{-1, -1e9} {
		if _, err := Check(&container.Resources{NanoCPUs: nano}, full(), false); err == nil {
			t.Errorf("%d CPUs were accepted", nano)
		}
	}
}

// What a machine lacks is taken out, with one warning for each.
func TestLackingMachine(t *testing.T) {
	dev := []*blkiodev.ThrottleDevice{{Path: "/dev/sda", Rate: 1}}
	for name, c := range map[string]struct {
		in, want container.Resources
		warning  string
	}{
		"memory":      {container.Resources{Memory: minMemory, MemorySwap: 2 * minMemory}, container.Resources{MemorySwap: -1}, "memory limit capabilities"},
		"reservation": {container.Resources{MemoryReservation: minMemory}, container.Resources{}, "memory soft limit"},
		"swappiness":  {container.Resources{MemorySwappiness: ptr(int64(3))}, container.Resources{}, "swappiness"},
		"oom":         {container.Resources{OomKillDisable: ptr(true)}, container.Resources{}, "OomKillDisable"},
		"no oom":      {container.Resources{OomKillDisable: ptr(false)}, container.Resources{}, ""},
		"pids":        {container.Resources{PidsLimit: ptr(int64(3))}, container.Resources{}, "PIDs limit"},
		"shares":      {container.Resources{CPUShares: 3}, container.Resources{}, "CPU shares"},
		"quota":       {container.Resources{CPUQuota: 3000}, container.Resources{}, "CFS"},
		"cpuset":      {container.Resources{CpusetCpus: "0"}, container.Resources{}, "cpuset"},
		"weight":      {container.Resources{BlkioWeight: 5}, container.Resources{}, "Block I/O weight or"},
		"weights":     {container.Resources{BlkioWeightDevice: []*blkiodev.WeightDevice{{}}}, container.Resources{}, "weight_device"},
		"read bps":    {container.Resources{BlkioDeviceReadBps: dev}, container.Resources{}, "BPS read limit discarded"},
		"write bps":   {container.Resources{BlkioDeviceWriteBps: dev}, container.Resources{}, "BPS write limit discarded"},
		"read iops":   {container.Resources{BlkioDeviceReadIOps: dev}, container.Resources{}, "IOPS read limit discarded"},
		"write iops":  {container.Resources{BlkioDeviceWriteIOps: dev}, container.Resources{}, "IOPS write limit discarded"},
	} {
		warnings, err := Check(&c.in, Machine{NumCPU: 1}, false)
		text := strings.Join(warnings, "\n")
		if err != nil || !reflect.DeepEqual(c.in, c.want) || !strings.Contains(text, c.warning) || (text == "") != (c.warning == "") || len(warnings) > 1 {
			t.Errorf("%s: %+v, %q, %v", name, c.in, warnings, err)
		}
	}
	for name, in := range map[string]container.Resources{"cpus": {NanoCPUs: 1e9}, "real time": {CPURealtimeRuntime: 1}} {
		if _, err := Check(&in, Machine{NumCPU: 1}, false); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestSwapWithoutLimit(t *testing.T) {
	m := full()
	m.Swap = false
	r := container.Resources{Memory: minMemory}
	Adapt(&r)
	warnings, err := Check(&r, m, false)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "Memory limited without swap") || r.MemorySwap != -1 {
		t.Errorf("%q, %v, %+v", warnings, err, r)
	}
}

func TestAdapt(t *testing.T) {
	r := container.Resources{Memory: minMemory, MemorySwappiness: ptr(int64(-1)), PidsLimit: ptr(int64(-1))}
	Adapt(&r)
	want := container.Resources{Memory: minMemory, MemorySwap: 2 * minMemory, OomKillDisable: ptr(false), PidsLimit: ptr(int64(0))}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("%+v", r)
	}
	if warnings, err := Check(&r, full(), false); err != nil || len(warnings) > 0 {
		t.Errorf("%q, %v", warnings, err)
	}
}

func TestOOMKillerWithoutLimit(t *testing.T) {
	warnings, err := Check(&container.Resources{OomKillDisable: ptr(true)}, full(), false)
	if err != nil || !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "no memory limit is set") }) {
		t.Errorf("%q, %v", warnings, err)
	}
}

// Whatever Check may refuse or warn of counts as a limit.
func TestAny(t *testing.T) {
	none := container.Resources{CgroupParent: "/x", DeviceCgroupRules: []string{"c 1:1 r"}, Devices: []container.DeviceMapping{{}}}
	Adapt(&none)
	if Any(none) {
		t.Errorf("%+v", none)
	}
	if warnings, err := Check(&none, Machine{NumCPU: 1}, false); err != nil || len(warnings) > 0 {
		t.Errorf("%q, %v", warnings, err)
	}
	for name, r := range map[string]container.Resources{
		"memory": {Memory: 1}, "pids": {PidsLimit: ptr(int64(0))}, "set": {CpusetMems: "0"}, "weight": {BlkioWeight: 1}, "oom": {OomKillDisable: ptr(true)},
		"throttle": {BlkioDeviceReadIOps: []*blkiodev.ThrottleDevice{{}}}, "windows": {IOMaximumIOps: 1}, "swappiness": {MemorySwappiness: ptr(int64(0))}, "negative": {NanoCPUs: -1},
	} {
		if !Any(r) {
			t.Errorf("%s is a limit", name)
		}
	}
}

func TestMerge(t *testing.T) {
	have := container.Resources{Memory: 64 << 20, MemorySwap: 128 << 20, NanoCPUs: 1e9, CpusetCpus: "0", PidsLimit: ptr(int64(5))}
	change := container.Resources{
		Memory: 100 << 20, BlkioWeight: 20, CPUShares: 3, CpusetMems: "0", MemoryReservation: 9 << 20, NanoCPUs: 2e9, PidsLimit: ptr(int64(-1)),
	}
	want := container.Resources{
		Memory: 100 << 20, MemorySwap: 128 << 20, BlkioWeight: 20, CPUShares: 3, CpusetCpus: "0", CpusetMems: "0",
		MemoryReservation: 9 << 20, NanoCPUs: 2e9, PidsLimit: ptr(int64(0)),
	}
	if got, err := Merge(have, change); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if *have.PidsLimit != 5 {
		t.Error("the container's own limit was written to")
	}
	quota := container.Resources{CPUQuota: 2000, CPUPeriod: 2000}
	for name, c := range map[string]struct{ have, change container.Resources }{
		"cpus beside a quota":       {container.Resources{CPUQuota: 2000}, container.Resources{NanoCPUs: 1}},
		"cpus beside a period":      {container.Resources{CPUPeriod: 2000}, container.Resources{NanoCPUs: 1}},
		"a quota beside cpus":       {have, container.Resources{CPUQuota: 2000}},
		"a period beside cpus":      {have, container.Resources{CPUPeriod: 2000}},
		"memory above swap":         {have, container.Resources{Memory: 129 << 20}},
		"memory, no swap limit":     {quota, container.Resources{Memory: 64 << 20}},
		"swap below memory":         {have, container.Resources{MemorySwap: 32 << 20}},
		"reservation above memory":  {have, container.Resources{MemoryReservation: 65 << 20}},
		"memory below reservation":  {container.Resources{MemoryReservation: 65 << 20, MemorySwap: -1}, container.Resources{Memory: 64 << 20}},
		"memory and swap are wrong": {quota, container.Resources{Memory: 64 << 20, MemorySwap: 63 << 20}},
	} {
		if got, err := Merge(c.have, c.change); !errdefs.IsInvalidArgument(err) || !reflect.DeepEqual(got, c.have) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Without a limit of swap, any limit of memory is below it.
	if got, err := Merge(container.Resources{Memory: 64 << 20, MemorySwap: -1}, container.Resources{Memory: 65 << 20}); err != nil || got.Memory != 65<<20 {
		t.Errorf("%+v, %v", got, err)
	}
}
