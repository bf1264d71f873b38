package flagx

import (
	"maps"
	"slices"

	"github.com/docker/cli/opts"
)

// Filters is the value of --filter: KEY=VALUE, any number of times.
type Filters struct{ opts.FilterOpt }

// NewFilters makes an empty Filters.
func NewFilters() Filters { return Filters{opts.NewFilterOpt()} }

// Map is the filters as the domain takes them: the values by key, in a fixed
// order. It is nil when none was given.
func (f *Filters) Map() map[string][]string {
	given := f.Value()
	if len(given) == 0 {
		return nil
	}
	out := make(map[string][]string, len(given))
	for key, values := range given {
		out[key] = slices.Sorted(maps.Keys(values))
	}
	return out
}
