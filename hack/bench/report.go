package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// timing is what one tool took for one case.
type timing struct {
	Case     string    `json:"case"`
	Tool     string    `json:"tool"`
	Runs     []float64 `json:"runs_ms"`
	Median   float64   `json:"median_ms"`
	P90      float64   `json:"p90_ms"`
	Ratio    float64   `json:"ratio_to_docker,omitempty"` // of the medians
	Failures int       `json:"failures,omitempty"`
}

// footprint is what a container of a tool needs beside its own processes, in MiB.
type footprint struct {
	Tool             string             `json:"tool"`
	Running          map[string]float64 `json:"running_mib"` // by program
	RunningTotal     float64            `json:"running_total_mib"`
	RunningProcesses float64            `json:"running_processes"`
	StoppedTotal     float64            `json:"stopped_total_mib"`
	StoppedProcesses float64            `json:"stopped_processes"`
	DaemonGrowth     float64            `json:"daemon_growth_mib"` // of dockerd and containerd, per container
}

// report is the JSON file.
type report struct {
	Time    time.Time   `json:"time"`
	Kernel  string      `json:"kernel"`
	CPUs    int         `json:"cpus"`
	Timings []timing    `json:"timings"`
	Flows   []flow      `json:"throughput"`
	Memory  []footprint `json:"memory"`
}

// quantile is the value below which a share q of the sorted runs lies.
func quantile(runs []float64, q float64) float64 {
	if len(runs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(runs))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// summarize fills in medians and ratios.
func summarize(timings []timing) {
	docker := map[string]float64{}
	for i := range timings {
		t := &timings[i]
		t.Median, t.P90 = quantile(t.Runs, 0.5), quantile(t.Runs, 0.9)
		if t.Tool == "docker" {
			docker[t.Case] = t.Median
		}
	}
	for i := range timings {
		if base := docker[timings[i].Case]; base > 0 {
			timings[i].Ratio = timings[i].Median / base
		}
	}
}

// compare fills in the same for what is better when it is more.
func compare(flows []flow) {
	docker := map[string]float64{}
	for i := range flows {
		f := &flows[i]
		if f.Median = quantile(f.Runs, 0.5); f.Tool == "docker" {
			docker[f.Path] = f.Median
		}
	}
	for i := range flows {
		if base := docker[flows[i].Path]; base > 0 {
			flows[i].Ratio = flows[i].Median / base
		}
	}
}

// table is what a person reads.
func (r report) table() string {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "%s, Linux %s, %d CPUs\n\n", r.Time.Format(time.DateTime), r.Kernel, r.CPUs)
	w := tabwriter.NewWriter(&buf, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "case\ttool\tmedian ms\tp90 ms\tto docker\truns\tfailed\t")
	for _, t := range r.Timings {
		ratio := "-"
		if t.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", t.Ratio)
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%.1f\t%s\t%d\t%d\t\n", t.Case, t.Tool, t.Median, t.P90, ratio, len(t.Runs), t.Failures)
	}
	_ = w.Flush() // into memory
	r.flowTable(&buf)
	r.memoryTable(&buf)
	return buf.String()
}

func (r report) flowTable(buf *bytes.Buffer) {
	if len(r.Flows) == 0 {
		return
	}
	fmt.Fprintln(buf, "\nthroughput to a container (iperf3, one stream)")
	w := tabwriter.NewWriter(buf, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "path\ttool\tmedian Gbit/s\tto docker\truns\t")
	for _, f := range r.Flows {
		ratio := "-"
		if f.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", f.Ratio)
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\t%d\t\n", f.Path, f.Tool, f.Median, ratio, len(f.Runs))
	}
	_ = w.Flush() // into memory
}

func (r report) memoryTable(buf *bytes.Buffer) {
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprintln(buf, "\nbeside each container (MiB resident, its own processes not counted)")
	w := tabwriter.NewWriter(buf, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "tool\trunning\tprocesses\tstopped\tprocesses\tdaemon growth\trunning, by program\t")
	for _, f := range r.Memory {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(f.Running)) {
			parts = append(parts, fmt.Sprintf("%s %.1f", name, f.Running[name]))
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t\n", f.Tool, f.RunningTotal, f.RunningProcesses, f.StoppedTotal, f.StoppedProcesses, f.DaemonGrowth, strings.Join(parts, ", "))
	}
	_ = w.Flush() // into memory
}

// write prints the table and writes it and the JSON file.
func (b *bench) write() error {
	summarize(b.timings)
	compare(b.flows)
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	r := report{time.Now().UTC().Truncate(time.Second), unix.ByteSliceToString(uts.Release[:]), runtime.NumCPU(), b.timings, b.flows, b.memory}
	text := r.table()
	fmt.Print(text)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	stem := filepath.Join(b.out, "bench-"+r.Time.Format("20060102-150405"))
	if err := os.WriteFile(stem+".json", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(stem+".txt", []byte(text), 0o644)
}
