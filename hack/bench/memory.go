package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memoryCount is how many containers share the measurement of memory.
const memoryCount = 10

// process is one process that stands beside a container.
type process struct {
	name string
	rss  int64 // KiB
}

// measureMemory looks at the processes that containers need beside their own:
// those whose command line holds the container's id. What a daemon takes for
// all of them together is noted apart.
func (b *bench) measureMemory(ctx context.Context) {
	fmt.Fprintln(os.Stderr, "bench: memory")
	for _, t := range b.tools {
		if !t.usable {
			continue
		}
		f, err := t.footprint(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: memory: %s is left out: %v\n", t.name, err)
			continue
		}
		b.memory = append(b.memory, f)
	}
}

func (t *tool) footprint(ctx context.Context) (footprint, error) {
	f := footprint{Tool: t.name, Running: map[string]float64{}}
	defer func() {
		for i := range memoryCount {
			_ = t.remove(context.WithoutCancel(ctx), cname(fmt.Sprint("m", i))) // it may not have been made
		}
	}()
	before := daemons()
	var ids []string
	for i := range memoryCount {
		id, err := t.start(ctx, cname(fmt.Sprint("m", i)), "sleep", "100000")
		if err != nil {
			return f, err
		}
		ids = append(ids, id)
	}
	for _, p := range beside(ids) {
		f.Running[p.name] += float64(p.rss) / 1024 / memoryCount
		f.RunningTotal += float64(p.rss) / 1024 / memoryCount
		f.RunningProcesses += 1.0 / memoryCount
	}
	f.DaemonGrowth = float64(daemons()-before) / 1024 / memoryCount
	for i := range memoryCount {
		if err := t.stop(ctx, cname(fmt.Sprint("m", i))); err != nil {
			return f, err
		}
	}
	for _, p := range settled(ctx, ids) {
		f.StoppedTotal += float64(p.rss) / 1024 / memoryCount
		f.StoppedProcesses += 1.0 / memoryCount
	}
	return f, nil
}

// settled is what is beside containers that were stopped, after a time for what
// ends in the background.
func settled(ctx context.Context, ids []string) []process {
	for deadline := time.Now().Add(3 * time.Second); ; {
		left := beside(ids)
		if len(left) == 0 || ctx.Err() != nil || time.Now().After(deadline) {
			return left
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// beside are the processes that name one of the containers.
func beside(ids []string) []process {
	return processes(func(_, cmdline string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(cmdline, id) })
	})
}

// daemons is the resident memory of the daemons, in KiB.
func daemons() int64 {
	var sum int64
	for _, p := range processes(func(name, _ string) bool { return name == "dockerd" || name == "containerd" }) {
		sum += p.rss
	}
	return sum
}

func processes(match func(name, cmdline string) bool) []process {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var found []process
	for _, dir := range dirs {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		program, _, _ := strings.Cut(string(cmdline), "\x00")
		if name := filepath.Base(program); match(name, string(cmdline)) {
			found = append(found, process{name, residentKiB(dir)})
		}
	}
	return found
}

// residentKiB is VmRSS of a process, 0 if it has ended.
func residentKiB(dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
