package monitor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memoryOf is a figure of /proc/PID/smaps_rollup, in KiB.
func memoryOf(t *testing.T, pid int, name string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestMemory: the monitor and its keeper together stay below 4 MB, idle and
// after a flood of output that a client followed.
func TestMemory(t *testing.T) {
	const limit = 4096
	f := newFixture(t)
	f.cfg.MaxSize, f.cfg.MaxFile = 10<<20, 3
	c := f.spawn()
	result := attach(t, c, AttachOptions{Stdout: io.Discard, Stderr: io.Discard, Owner: true})
	f.started(f.create("flood"))
	check := func(when string) {
		sum := 0
		for pid, name := range f.processes() {
			rss, pss := memoryOf(t, pid, "Rss"), memoryOf(t, pid, "Pss")
			sum += rss
			t.Logf("%s: %s has %d KiB resident, %d KiB in proportion", when, name, rss, pss)
		}
		if sum == 0 || sum > limit {
			t.Errorf("%s: %d KiB, want at most %d", when, sum, limit)
		}
	}
	check("idle")
	f.release()
	time.Sleep(500 * time.Millisecond)
	check("in a flood")
	if err := f.start.Close(); err != nil {
		t.Fatal(err)
	}
	wait(t, result)
	if err := c.Done(false); err != nil {
		t.Fatal(err)
	}
	f.helperCalls()
}

// BenchmarkSpawn is from nothing to a monitor that listens and a client that is
// connected.
func BenchmarkSpawn(b *testing.B) {
	dir := b.TempDir()
	for i := range b.N {
		c, err := Spawn(b.Context(), Config{
			Binary:  monitorBinary,
			ID:      "bench",
			Dir:     filepath.Join(dir, strconv.Itoa(i)),
			LogPath: filepath.Join(dir, "log"),
			Helper:  []string{"/bin/true"},
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Done(false); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.Gone(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkFlood logs output as fast as it comes.
func BenchmarkFlood(b *testing.B) {
	for _, length := range []int{1, 97, 4000} {
		b.Run(strconv.Itoa(length)+" characters", func(b *testing.B) { benchmarkFlood(b, length) })
	}
}

func benchmarkFlood(b *testing.B, length int) {
	dir := b.TempDir()
	c, err := Spawn(b.Context(), Config{
		Binary: monitorBinary, ID: "bench", Dir: filepath.Join(dir, "run"),
		LogPath: filepath.Join(dir, "log"), MaxSize: 100 << 20, MaxFile: 2, Helper: []string{"/bin/true"},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	w, err := os.OpenFile(filepath.Join(dir, "run", StdoutName), os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	block := bytes.Repeat([]byte(strings.Repeat("y", length)+"\n"), 32<<10/(length+1))
	b.SetBytes(int64(len(block)))
	b.ResetTimer()
	for range b.N {
		if _, err := w.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := c.Done(false); err != nil {
		b.Fatal(err)
	}
	if err := c.Gone(b.Context()); err != nil {
		b.Fatal(err)
	}
}
