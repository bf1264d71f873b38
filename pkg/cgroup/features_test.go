package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

// tree makes files below a folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDetectVersion1(t *testing.T) {
	if got := Detect(t.TempDir(), true); got != (Features{}) {
		t.Errorf("nothing is there: %+v", got)
	}
	got := Detect(tree(t, map[string]string{
		"memory/memory.limit_in_bytes": "1", "memory/memory.oom_control": "", "cpu/cpu.shares": "1024", "cpuset/cpuset.cpus": "0-3\n", "cpuset/cpuset.mems": "0\n",
		"blkio/docker/blkio.bfq.weight": "100", "blkio/blkio.throttle.read_iops_device": "",
	}), true)
	want := Features{Memory: true, OOMKillDisable: true, CPUShares: true, Cpuset: true, CPUs: "0-3", Mems: "0", BlkioWeight: true, ReadIOps: true}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestDetectVersion2(t *testing.T) {
	root := tree(t, map[string]string{
		"cgroup.controllers": "cpuset cpu io memory pids\n", "cpuset.cpus.effective": "0-1\n", "system.slice/memory.swap.max": "max", "a/io.bfq.weight": "default 100",
	})
	got := detectV2(root)
	got.weights(root)
	want := Features{
		V2: true, Memory: true, Swap: true, MemoryReservation: true, CPUShares: true, CPUQuota: true, Cpuset: true, Pids: true, CPUs: "0-1",
		BlkioWeight: true, BlkioWeightDevice: anyBFQ("/sys"), ReadBps: true, WriteBps: true, ReadIOps: true, WriteIOps: true,
	}
	if got != want {
		t.Errorf("%+v", got)
	}
	if got := detectV2(t.TempDir()); got != (Features{V2: true}) {
		t.Errorf("no controllers: %+v", got)
	}
}

func TestAnyBFQ(t *testing.T) {
	root := tree(t, map[string]string{"block/a/queue/scheduler": "[none] bfq\n", "block/b/queue/scheduler": "none\n"})
	if anyBFQ(root) {
		t.Error("bfq is only possible")
	}
	if !anyBFQ(tree(t, map[string]string{"block/a/queue/scheduler": "none [bfq]\n"})) {
		t.Error("bfq is in use")
	}
}
