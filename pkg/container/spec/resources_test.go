package spec

import (
	"encoding/json"
	"testing"

	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
)

func ptr[T any](v T) *T { return &v }

// Resources are compared as JSON: they are pointers to numbers.
func TestResources(t *testing.T) {
	for _, c := range []struct {
		name string
		in   container.Resources
		want string
	}{
		{"none", container.Resources{}, `{}`},
		{"cpus", container.Resources{NanoCPUs: 1_500_000_000}, `{"cpu":{"quota":150000,"period":100000}}`},
		{
			"cpu words",
			container.Resources{CPUShares: 512, CPUPeriod: 50000, CPUQuota: -1, CpusetCpus: "0-1", CpusetMems: "0"},
			`{"cpu":{"shares":512,"quota":-1,"period":50000,"cpus":"0-1","mems":"0"}}`,
		},
		{"real time", container.Resources{CPURealtimePeriod: 1000, CPURealtimeRuntime: 500}, `{"cpu":{"realtimeRuntime":500,"realtimePeriod":1000}}`},
		{"memory", container.Resources{Memory: 64 << 20, MemorySwap: 128 << 20}, `{"memory":{"limit":67108864,"swap":134217728}}`},
		{
			"memory and swap",
			container.Resources{Memory: 64 << 20, MemorySwap: 64 << 20, MemoryReservation: 32 << 20},
			`{"memory":{"limit":67108864,"reservation":33554432,"swap":67108864}}`,
		},
		{"unlimited swap", container.Resources{Memory: 64 << 20, MemorySwap: -1}, `{"memory":{"limit":67108864,"swap":-1}}`},
		{"swappiness", container.Resources{MemorySwappiness: ptr(int64(10))}, `{"memory":{"swappiness":10}}`},
		{"default swappiness", container.Resources{MemorySwappiness: ptr(int64(-1))}, `{}`},
		{"no OOM killer", container.Resources{OomKillDisable: ptr(true)}, `{"memory":{"disableOOMKiller":true}}`},
		{"OOM killer", container.Resources{OomKillDisable: ptr(false)}, `{}`},
		{"processes", container.Resources{PidsLimit: ptr(int64(7))}, `{"pids":{"limit":7}}`},
		{"processes without limit any more", container.Resources{PidsLimit: ptr(int64(0))}, `{"pids":{"limit":-1}}`},
		{"block devices", container.Resources{
			BlkioWeight: 300, BlkioWeightDevice: []*blkiodev.WeightDevice{{Path: "8:0", Weight: 200}}, BlkioDeviceReadBps: []*blkiodev.ThrottleDevice{{Path: "8:16", Rate: 99}},
		}, `{"blockIO":{"weight":300,"weightDevice":[{"major":8,"minor":0,"weight":200}],"throttleReadBpsDevice":[{"major":8,"minor":16,"rate":99}]}}`},
	} {
		got, err := json.Marshal(Resources(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s (%v)", c.name, got, c.want, err)
		}
	}
}
