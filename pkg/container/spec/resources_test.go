package spec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
)

func ptr[T any](v T) *T { return &v }

// Resources are compared as JSON: they are pointers to numbers.
func TestResources(t *testing.T) {
	v2, v1, noSwap := testHost(), testHost(), testHost()
	v1.CgroupV2, noSwap.SwapLimit = false, false
	for _, c := range []struct {
		name     string
		in       container.Resources
		host     Host
		want     string
		warnings string
	}{
		{"none", container.Resources{}, v2, `{}`, ""},
		{"cpus", container.Resources{NanoCPUs: 1_500_000_000}, v2, `{"cpu":{"quota":150000,"period":100000}}`, ""},
		{
			"cpu words",
			container.Resources{CPUShares: 512, CPUPeriod: 50000, CPUQuota: -1, CpusetCpus: "0-1", CpusetMems: "0"},
			v2,
			`{"cpu":{"shares":512,"quota":-1,"period":50000,"cpus":"0-1","mems":"0"}}`, "",
		},
		{"real time", container.Resources{CPURealtimePeriod: 1000, CPURealtimeRuntime: 500}, v1, `{"cpu":{"realtimeRuntime":500,"realtimePeriod":1000}}`, ""},
		{"memory", container.Resources{Memory: 64 << 20}, v2, `{"memory":{"limit":67108864,"swap":134217728}}`, ""},
		{
			"memory and swap",
			container.Resources{Memory: 64 << 20, MemorySwap: 64 << 20, MemoryReservation: 32 << 20},
			v2,
			`{"memory":{"limit":67108864,"reservation":33554432,"swap":67108864}}`, "",
		},
		{"unlimited swap", container.Resources{Memory: 64 << 20, MemorySwap: -1}, v2, `{"memory":{"limit":67108864,"swap":-1}}`, ""},
		{"a kernel without swap limits", container.Resources{Memory: 64 << 20}, noSwap, `{"memory":{"limit":67108864}}`, ""},
		{"swap on such a kernel", container.Resources{Memory: 64 << 20, MemorySwap: 65 << 20}, noSwap, `{"memory":{"limit":67108864}}`, "swap limit"},
		{"swappiness, version 1", container.Resources{MemorySwappiness: ptr(int64(10))}, v1, `{"memory":{"swappiness":10}}`, ""},
		{"swappiness, version 2", container.Resources{MemorySwappiness: ptr(int64(10))}, v2, `{}`, "swappiness"},
		{"default swappiness", container.Resources{MemorySwappiness: ptr(int64(-1))}, v2, `{}`, ""},
		{"no OOM killer, version 1", container.Resources{OomKillDisable: ptr(true)}, v1, `{"memory":{"disableOOMKiller":true}}`, ""},
		{"no OOM killer, version 2", container.Resources{OomKillDisable: ptr(true)}, v2, `{}`, "OomKillDisable"},
		{"OOM killer", container.Resources{OomKillDisable: ptr(false)}, v2, `{}`, ""},
		{"processes", container.Resources{PidsLimit: ptr(int64(7))}, v2, `{"pids":{"limit":7}}`, ""},
		{"unlimited processes", container.Resources{PidsLimit: ptr(int64(-1))}, v2, `{"pids":{"limit":-1}}`, ""},
		{"no process limit", container.Resources{PidsLimit: ptr(int64(0))}, v2, `{}`, ""},
		{"block devices", container.Resources{
			BlkioWeight: 300, BlkioWeightDevice: []*blkiodev.WeightDevice{{Path: "8:0", Weight: 200}}, BlkioDeviceReadBps: []*blkiodev.ThrottleDevice{{Path: "8:16", Rate: 99}},
		}, v2, `{"blockIO":{"weight":300,"weightDevice":[{"major":8,"minor":0,"weight":200}],"throttleReadBpsDevice":[{"major":8,"minor":16,"rate":99}]}}`, ""},
	} {
		r, warnings, err := Resources(c.in, c.host)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := json.Marshal(r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if text := strings.Join(warnings, "\n"); c.warnings == "" && text != "" || !strings.Contains(text, c.warnings) {
			t.Errorf("%s: warnings %q", c.name, text)
		}
	}
}

func TestResourcesRefused(t *testing.T) {
	for name, in := range map[string]container.Resources{
		"too little memory":        {Memory: minMemory - 1},
		"negative memory":          {Memory: -1},
		"swap alone":               {MemorySwap: 64 << 20},
		"swap below memory":        {Memory: 64 << 20, MemorySwap: 63 << 20},
		"reservation above memory": {Memory: 64 << 20, MemoryReservation: 65 << 20},
		"negative cpus":            {NanoCPUs: -1},
		"cpus and quota":           {NanoCPUs: 1, CPUQuota: 1},
		"cpus and period":          {NanoCPUs: 1, CPUPeriod: 1},
	} {
		if r, _, err := Resources(in, testHost()); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
