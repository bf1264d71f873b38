package container

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
)

func TestPruneFlags(t *testing.T) {
	for args, want := range map[string]PruneOptions{
		"":   {},
		"-f": {Force: true},
		"--force --filter label=a=1 --filter label=b --filter label!=c": {Force: true, Prune: container.PruneOptions{
			Labels: []string{"a=1", "b"}, NotLabels: []string{"c"},
		}},
		"--filter until=2024-06-01T12:30:00Z": {Prune: container.PruneOptions{Until: time.Date(2024, 6, 1, 12, 30, 0, 0, time.UTC)}},
	} {
		var got PruneOptions
		cmd := NewCmdPrune(newFactory(t), func(_ context.Context, o *PruneOptions) error { got = *o; return nil })
		if err := execute(t, cmd, args); err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		got.Base = Base{}
		if !got.Prune.Until.Equal(want.Prune.Until) {
			t.Errorf("%q: until %v", args, got.Prune.Until)
		}
		got.Prune.Until, want.Prune.Until = time.Time{}, time.Time{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", args, got)
		}
	}
	for _, args := range []string{"x", "--filter foo", "--filter foo=bar", "--filter until=soon", "--filter until=1h --filter until=2h"} {
		cmd := NewCmdPrune(newFactory(t), func(context.Context, *PruneOptions) error { return nil })
		if err := execute(t, cmd, args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// pruner is a domain that prunes.
type pruner struct {
	Service
	report apicontainer.PruneReport
	asked  int
}

func (p *pruner) Prune(context.Context, container.PruneOptions) (apicontainer.PruneReport, error) {
	p.asked++
	return p.report, nil
}

func TestPruneAsks(t *testing.T) {
	report := apicontainer.PruneReport{ContainersDeleted: []string{"one", "two"}, SpaceReclaimed: 1500}
	for _, c := range []struct {
		answer string
		force  bool
		report apicontainer.PruneReport
		want   string
		asked  int
	}{
		{"y\n", false, report, askPrune + " [y/N] Deleted Containers:\none\ntwo\n\nTotal reclaimed space: 1.5kB\n", 1},
		{"n\n", false, report, askPrune + " [y/N] ", 0},
		{"", false, report, askPrune + " [y/N] ", 0},
		{"", true, report, "Deleted Containers:\none\ntwo\n\nTotal reclaimed space: 1.5kB\n", 1},
		{"", true, apicontainer.PruneReport{}, "Total reclaimed space: 0B\n", 1},
	} {
		ios, _, out, _ := iostreams.Test()
		ios.In = strings.NewReader(c.answer)
		p := &pruner{report: c.report}
		o := &PruneOptions{Force: c.force, Base: Base{IO: ios, Service: func(context.Context) (Service, error) { return p, nil }}}
		if err := runPrune(t.Context(), o); err != nil {
			t.Errorf("%q: %v", c.answer, err)
		}
		if out.String() != c.want || p.asked != c.asked {
			t.Errorf("answer %q, force %v: %q, asked %d times", c.answer, c.force, out.String(), p.asked)
		}
	}
}
