package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		runs []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.9, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{1, 2, 3}, 1, 3},
	} {
		if got := quantile(c.runs, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.runs, c.q, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	timings := []timing{
		{Case: "version", Tool: "nerd", Runs: []float64{10, 12, 11}},
		{Case: "version", Tool: "docker", Runs: []float64{20, 22, 24}, Failures: 1},
		{Case: "exec", Tool: "nerd", Runs: []float64{5}},
	}
	summarize(timings)
	if timings[0].Ratio != 0.5 || timings[1].Ratio != 1 || timings[2].Ratio != 0 {
		t.Errorf("ratios: %+v", timings)
	}
	flows := []flow{
		{Path: "bridge", Tool: "nerd", Runs: []float64{9, 6, 8}},
		{Path: "bridge", Tool: "docker", Runs: []float64{4}},
		{Path: "port", Tool: "nerd"},
	}
	compare(flows)
	if flows[0].Ratio != 2 || flows[1].Ratio != 1 || flows[2].Ratio != 0 {
		t.Errorf("ratios: %+v", flows)
	}
	r := report{
		Time: time.Unix(0, 0).UTC(), Kernel: "6.1", CPUs: 2, Timings: timings, Flows: flows,
		Memory: []footprint{{Tool: "nerd", RunningTotal: 3.25, Running: map[string]float64{"nerd-monitor": 3.25}}},
	}
	got := r.table()
	for _, want := range []string{"Linux 6.1, 2 CPUs", "11.0", "0.50", "2.00", "nerd-monitor 3.2"} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

func TestRate(t *testing.T) {
	if got, err := rate([]byte(`{"end":{"sum_received":{"bits_per_second":2.5e9}}}`), nil); got != 2.5 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := rate([]byte(`{"error":"the server is busy"}`), errors.New("exit status 1")); err == nil || err.Error() != "the server is busy" {
		t.Errorf("%v", err)
	}
	if _, err := rate(nil, errors.New("killed")); err == nil {
		t.Error("nothing is taken for a figure")
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n", "3", "-only", "^run", "-tools", "nerd,docker"})
	if err != nil || o.runs != 3 || !o.only.MatchString("run-none") || o.only.MatchString("exec") || len(o.tools) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"-n", "0"}, {"-only", "("}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
