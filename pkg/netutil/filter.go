package netutil

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
)

// List is the networks that match Docker's filters: dangling, driver, id, label,
// name, scope and type. Those of one key are alternatives, but all labels count.
func (s *Service) List(ctx context.Context, filters map[string][]string) ([]network.Summary, error) {
	for _, key := range slices.Sorted(maps.Keys(filters)) {
		if err := checkFilter(key, filters[key]); err != nil {
			return nil, err
		}
	}
	// A host without a firewall tool has no default network; the others are shown.
	_, _ = s.EnsureDefault(ctx)
	list, err := s.Networks(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	if len(filters["dangling"]) > 0 {
		if used, err = s.usedNames(); err != nil {
			return nil, err
		}
	}
	var out []network.Summary
	for i := range list {
		if n := &list[i]; n.matches(filters, used[n.Name]) {
			out = append(out, network.Summary{Network: summary(n)})
		}
	}
	return out, nil
}

// usedNames are the networks on which containers run.
func (s *Service) usedNames() (map[string]bool, error) {
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, id := range ids {
		rec, err := s.load(id)
		if err != nil || rec == nil {
			continue
		}
		for _, j := range rec.Joined {
			used[j.Network.Name] = true
		}
	}
	return used, nil
}

func checkFilter(key string, values []string) error {
	for _, v := range values {
		bad := invalid("invalid filter '%s=%s'", key, v)
		switch key {
		case "driver", "label", "scope":
		case "id", "name":
			if _, err := regexp.Compile(v); err != nil {
				return bad
			}
		case "dangling":
			if _, err := strconv.ParseBool(v); err != nil {
				return bad
			}
		case "type":
			if v != "builtin" && v != "custom" {
				return bad
			}
		default:
			return invalid("invalid filter '%s'", key)
		}
	}
	return nil
}

func (n *Network) matches(filters map[string][]string, used bool) bool {
	one := func(key string, match func(v string) bool) bool {
		values, given := filters[key]
		return !given || slices.ContainsFunc(values, match)
	}
	like := func(text string) func(string) bool {
		return func(pattern string) bool {
			ok, err := regexp.MatchString(pattern, text)
			return err == nil && ok
		}
	}
	return one("driver", func(v string) bool { return v == n.Driver }) &&
		one("name", like(n.Name)) && one("id", like(n.ID)) &&
		one("scope", func(v string) bool { return v == "local" }) &&
		one("type", func(v string) bool { return (v == "builtin") == isPredefined(n.Name) }) &&
		one("dangling", func(v string) bool {
			wanted, err := strconv.ParseBool(v)
			return err == nil && !isPredefined(n.Name) && wanted != used
		}) &&
		hasLabels(n.Labels, filters["label"])
}

// hasLabels tells whether all of the KEY and KEY=VALUE are there.
func hasLabels(labels map[string]string, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool {
		key, value, valued := strings.Cut(w, "=")
		have, ok := labels[key]
		return !ok || valued && have != value
	})
}

// PruneOptions limits Prune.
type PruneOptions struct {
	Until     time.Time // zero: of any age; else only networks made before
	Labels    []string  // KEY or KEY=VALUE, all of which a network must have
	NotLabels []string  // none of which it may have
}

func (o PruneOptions) match(n *Network) bool {
	if !o.Until.IsZero() && !n.Created.Before(o.Until) {
		return false
	}
	return hasLabels(n.Labels, o.Labels) && !slices.ContainsFunc(o.NotLabels, func(w string) bool { return hasLabels(n.Labels, []string{w}) })
}
