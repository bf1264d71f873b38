package cgroup

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
)

func TestFind(t *testing.T) {
	const v1 = "9:name=systemd:/x\n5:devices:/nerd/abc/init.scope\n2:cpu,cpuacct:/nerd/abc\n0::/nerd/abc\n"
	g, err := find("/cg", v1, "abc")
	if err != nil || g.v2 || g.dirs["devices"] != "/cg/devices/nerd/abc" || g.dirs["cpuacct"] != "/cg/cpuacct/nerd/abc" || len(g.dirs) != 3 {
		t.Errorf("%+v, %v", g, err)
	}
	g, err = find("/cg", "0::/system.slice/nerd-abc.scope/deeper\n", "abc")
	if err != nil || !g.v2 || g.dirs[""] != "/cg/system.slice/nerd-abc.scope" {
		t.Errorf("%+v, %v", g, err)
	}
	g, err = find("/cg", "0::/elsewhere/deeper\n", "abc")
	if err != nil || g.dirs[""] != "/cg/elsewhere/deeper" {
		t.Errorf("%+v, %v", g, err)
	}
	for _, text := range []string{"", "nonsense", "0::/../other/\n", "0::relative"} {
		if g, err := find("/cg", text, "abc"); err == nil {
			t.Errorf("%q: %+v", text, g)
		}
	}
	if g, err := Of(os.Getpid(), ""); err != nil {
		t.Errorf("this process: %+v, %v", g, err)
	}
}

func TestReadVersion1(t *testing.T) {
	root := tree(t, map[string]string{
		"cpuacct/cpuacct.usage": "123\n", "cpuacct/cpuacct.usage_user": "100\n", "cpuacct/cpuacct.usage_sys": "23\n", "cpu/cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 9\n",
		"memory/memory.usage_in_bytes": "4096\n", "memory/memory.limit_in_bytes": "8192\n", "memory/memory.stat": "cache 1\ntotal_inactive_file 7\nodd\n",
		"pids/pids.current": "3\n", "pids/pids.max": "max\n",
		"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\nx:y Read 1\n",
		"pids/cgroup.procs": "7\n5\n", "pids/below/cgroup.procs": "6\n5\nx\n",
	})
	g, err := find(root, "1:cpu:/\n2:cpuacct:/\n3:memory:/\n4:pids:/\n5:blkio:/\n", "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := g.Read()
	if err != nil || u.CPU.CPUUsage.TotalUsage != 123 || u.CPU.ThrottlingData.ThrottledTime != 9 || u.Memory.Limit != 8192 || u.Memory.Stats["total_inactive_file"] != 7 ||
		u.Pids != (container.PidsStats{Current: 3, Limit: math.MaxUint64}) {
		t.Errorf("%+v, %v", u, err)
	}
	want := []container.BlkioStatEntry{{Major: 8, Op: "read", Value: 10}, {Major: 8, Op: "write", Value: 20}, {Major: 8, Op: "total", Value: 30}}
	if !reflect.DeepEqual(u.BlkIO.IoServiceBytesRecursive, want) {
		t.Errorf("%+v", u.BlkIO)
	}
	if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{5, 6, 7}) {
		t.Errorf("%v, %v", pids, err)
	}
	gone, _ := find(t.TempDir(), "2:cpuacct:/x\n", "")
	if _, err := gone.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := gone.Processes(); err == nil {
		t.Error("a group that is gone has processes")
	}
}

func TestReadVersion2(t *testing.T) {
	root := tree(t, map[string]string{
		"cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nthrottled_usec 1\n", "memory.current": "4096\n", "memory.max": "max\n", "memory.stat": "inactive_file 7\n",
		"pids.current": "3\n", "pids.max": "9\n", "io.stat": "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n\nodd\n",
	})
	g, err := find(root, "0::/\n", "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := g.Read()
	if err != nil || !reflect.DeepEqual(u.CPU.CPUUsage, container.CPUUsage{TotalUsage: 5000, UsageInUsermode: 3000, UsageInKernelmode: 2000}) || u.Memory.Limit != math.MaxUint64 || u.Pids.Limit != 9 {
		t.Errorf("%+v, %v", u, err)
	}
	want := container.BlkioStats{
		IoServiceBytesRecursive: []container.BlkioStatEntry{{Major: 254, Op: "read", Value: 10}, {Major: 254, Op: "write", Value: 20}},
		IoServicedRecursive:     []container.BlkioStatEntry{{Major: 254, Op: "read", Value: 1}, {Major: 254, Op: "write", Value: 2}},
	}
	if !reflect.DeepEqual(u.BlkIO, want) {
		t.Errorf("%+v", u.BlkIO)
	}
	gone, _ := find(t.TempDir(), "0::/x\n", "")
	if _, err := gone.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestInterfaces(t *testing.T) {
	const text = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n" +
		"    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\nbad: 1\n"
	want := map[string]container.NetworkStats{"eth0": {RxBytes: 1, RxPackets: 2, RxErrors: 3, RxDropped: 4, TxBytes: 5, TxPackets: 6, TxErrors: 7, TxDropped: 8}}
	if got := interfaces(text); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if _, err := Networks(os.Getpid()); err != nil {
		t.Error(err)
	}
}
