package format

import (
	"bytes"
	"testing"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
)

func measured() container.Measured {
	m := container.Measured{Ref: "box", Running: true}
	m.ID, m.Name = "eba3630ac3d0ff3745894f83b7d2d308983bcba64a5cc662b3004621314843ea", "/box"
	m.PreCPUStats = apicontainer.CPUStats{CPUUsage: apicontainer.CPUUsage{TotalUsage: 1000}, SystemUsage: 10_000, OnlineCPUs: 2}
	m.CPUStats = apicontainer.CPUStats{CPUUsage: apicontainer.CPUUsage{TotalUsage: 2500}, SystemUsage: 12_000, OnlineCPUs: 2}
	m.MemoryStats = apicontainer.MemoryStats{Usage: 3 << 20, Limit: 64 << 20, Stats: map[string]uint64{"total_inactive_file": 1 << 20, "inactive_file": 9}}
	m.Networks = map[string]apicontainer.NetworkStats{"eth0": {RxBytes: 1000, TxBytes: 10}, "eth1": {RxBytes: 90}}
	m.BlkioStats.IoServiceBytesRecursive = []apicontainer.BlkioStatEntry{{Op: "read", Value: 4096}, {Op: "write", Value: 2_000_000}, {Op: "total", Value: 9}, {Op: "read", Value: 4}}
	m.PidsStats.Current = 3
	return m
}

// The expectations are Docker's own output for these numbers.
func TestStats(t *testing.T) {
	stopped := container.Measured{Ref: "off"}
	stopped.ID, stopped.Name = "0123456789abcdef", "/off"
	for layout, want := range map[string]string{
		"": "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O        BLOCK I/O     PIDS\n" +
			"eba3630ac3d0   box       150.00%   2MiB / 64MiB        3.12%     1.09kB / 10B   4.1kB / 2MB   3\n" +
			"0123456789ab   off       0.00%     0B / 0B             0.00%     0B / 0B        0B / 0B       0\n",
		"json": `{"BlockIO":"4.1kB / 2MB","CPUPerc":"150.00%","Container":"box","ID":"eba3630ac3d0","MemPerc":"3.12%","MemUsage":"2MiB / 64MiB","Name":"box","NetIO":"1.09kB / 10B","PIDs":"3"}` + "\n" +
			`{"BlockIO":"0B / 0B","CPUPerc":"0.00%","Container":"off","ID":"0123456789ab","MemPerc":"0.00%","MemUsage":"0B / 0B","Name":"off","NetIO":"0B / 0B","PIDs":"0"}` + "\n",
		"table {{.Name}}\t{{.CPUPerc}}": "NAME      CPU %\nbox       150.00%\noff       0.00%\n",
		"{{.Container}}:{{.PIDs}}":      "box:3\noff:0\n",
	} {
		var out bytes.Buffer
		if err := Stats(&out, layout, false, []container.Measured{measured(), stopped}); err != nil || out.String() != want {
			t.Errorf("%q: %v\n%s\nwant\n%s", layout, err, out.String(), want)
		}
	}
	var out bytes.Buffer
	if err := Stats(&out, "{{.ID}}", true, []container.Measured{measured()}); err != nil || out.Len() != 65 {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := Stats(&out, "{{.Nope}}", true, []container.Measured{measured()}); err == nil {
		t.Error("a field that is not there")
	}
}

func TestUsageAtTheEdges(t *testing.T) {
	cpu := func(total, system uint64) apicontainer.CPUStats {
		return apicontainer.CPUStats{CPUUsage: apicontainer.CPUUsage{TotalUsage: total}, SystemUsage: system, OnlineCPUs: 1}
	}
	for _, c := range []struct {
		before, now apicontainer.CPUStats
		want        float64
	}{
		{apicontainer.CPUStats{}, cpu(10, 10), 0}, // the first reading
		{cpu(10, 10), cpu(10, 20), 0},
		{cpu(10, 10), cpu(5, 20), 0}, // started again
		{cpu(10, 10), cpu(20, 10), 0},
		{cpu(10, 10), cpu(15, 20), 50},
	} {
		if got := cpuPercent(c.before, c.now); got != c.want {
			t.Errorf("%v to %v: %v", c.before, c.now, got)
		}
	}
	for want, m := range map[uint64]apicontainer.MemoryStats{
		7: {Usage: 10, Stats: map[string]uint64{"inactive_file": 3}},
		6: {Usage: 10, Stats: map[string]uint64{"inactive_file": 3, "total_inactive_file": 4}},
		5: {Usage: 5, Stats: map[string]uint64{"inactive_file": 6}},
		9: {Usage: 9},
	} {
		if got := memoryUsed(m); got != want {
			t.Errorf("%+v: %d", m, got)
		}
	}
}
