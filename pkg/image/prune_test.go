package image

import (
	"testing"

	"github.com/containerd/errdefs"
)

func TestPruneFilters(t *testing.T) {
	for _, c := range []struct {
		opts     PruneOptions
		dangling bool
		not      int
	}{
		{PruneOptions{}, true, 0},
		{PruneOptions{All: true}, false, 0},
		{PruneOptions{Filters: map[string][]string{"dangling": {"false"}}}, false, 0},
		{PruneOptions{All: true, Filters: map[string][]string{"dangling": {"true"}}}, true, 0},
		{PruneOptions{Filters: map[string][]string{"label!": {"a", "b"}, "label": {"c"}, "until": {"1h"}}}, true, 2},
	} {
		filters, not, err := pruneFilters(c.opts)
		if err != nil || (len(filters["dangling"]) > 0) != c.dangling || len(not) != c.not || len(filters["label!"]) > 0 {
			t.Errorf("%+v: %v, %v, %v", c.opts, filters, not, err)
		}
	}
	for _, bad := range []map[string][]string{{"foo": {"x"}}, {"reference": {"x"}}, {"dangling": {"maybe"}}} {
		if _, _, err := pruneFilters(PruneOptions{Filters: bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Each part counts once, however many images have it.
func TestUnion(t *testing.T) {
	all := []parts{{"a": 1, "b": 2}, {"b": 2, "c": 4}, {"d": 8}}
	if got := union(all, nil); got != 15 {
		t.Errorf("all: %d", got)
	}
	if got := union(all, func(i int) bool { return i != 1 }); got != 11 {
		t.Errorf("two: %d", got)
	}
	if got := union(nil, nil); got != 0 {
		t.Errorf("none: %d", got)
	}
}
