package container

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
)

// fakeMeter shows one container more after each refresh.
type fakeMeter struct{ shown, reads int }

func (f *fakeMeter) Refresh(context.Context) error {
	f.shown++
	return nil
}

func (f *fakeMeter) Read() []container.Measured {
	f.reads++
	out := make([]container.Measured, f.shown)
	for i := range out {
		out[i].Name = "/" + string(rune('a'+i))
	}
	return out
}

func TestStatsOnce(t *testing.T) {
	b, out, _ := base(&fake{})
	m := &fakeMeter{shown: 1}
	o := &StatsOptions{Base: b, NoStream: true, Format: "{{.Name}}", Meter: func(context.Context, *StatsOptions) (meter, <-chan struct{}, error) { return m, nil, nil }}
	if err := runStats(t.Context(), o); err != nil || out.String() != "a\n" || m.reads != 2 {
		t.Errorf("%q, %v, %d readings", out, err, m.reads)
	}
	m.shown = 0
	out.Reset()
	if err := runStats(t.Context(), o); err != nil || out.Len() > 0 {
		t.Errorf("nothing runs: %q, %v", out, err)
	}
	o.Meter = func(context.Context, *StatsOptions) (meter, <-chan struct{}, error) {
		return nil, nil, errors.New("no")
	}
	if err := runStats(t.Context(), o); err == nil {
		t.Error("an error was lost")
	}
}

func TestStatsStream(t *testing.T) {
	b, out, _ := base(&fake{})
	changes := make(chan struct{}, 1)
	changes <- struct{}{}
	m := &fakeMeter{shown: 1}
	o := &StatsOptions{Base: b, Format: "{{.Name}}", Interval: 5 * time.Millisecond}
	o.Meter = func(context.Context, *StatsOptions) (meter, <-chan struct{}, error) { return m, changes, nil }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := runStats(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	frame := "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"
	if !strings.HasPrefix(out.String(), frame+frame) {
		t.Errorf("%q", out)
	}
}

func TestStatsAndTopFlags(t *testing.T) {
	var stats *StatsOptions
	cmd := NewCmdStats(newFactory(t), func(_ context.Context, o *StatsOptions) error { stats = o; return nil })
	if err := execute(t, cmd, "-a --no-trunc --no-stream --format json a b"); err != nil || !stats.All || !stats.NoTrunc || !stats.NoStream || stats.Format != "json" || len(stats.Names) != 2 {
		t.Errorf("%+v, %v", stats, err)
	}
	var top *TopOptions
	cmd = NewCmdTop(newFactory(t), func(_ context.Context, o *TopOptions) error { top = o; return nil })
	if err := execute(t, cmd, "a -o pid,args"); err != nil || top.Name != "a" || strings.Join(top.Args, "|") != "-o|pid,args" {
		t.Errorf("%+v, %v", top, err)
	}
	if err := execute(t, NewCmdTop(newFactory(t), nil), ""); err == nil {
		t.Error("no container was accepted")
	}
}

// toppled answers for top.
type toppled struct{ Service }

func (toppled) Top(context.Context, string, []string) (apicontainer.TopResponse, error) {
	return apicontainer.TopResponse{Titles: []string{"PID", "CMD"}, Processes: [][]string{{"1", "sh -c x"}}}, nil
}

func TestTopOutput(t *testing.T) {
	b, out, _ := base(&fake{})
	b.Service = func(context.Context) (Service, error) { return toppled{}, nil }
	if err := runTop(t.Context(), &TopOptions{Base: b, Name: "a"}); err != nil || out.String() != "PID                 CMD\n1                   sh -c x\n" {
		t.Errorf("%q, %v", out, err)
	}
}
