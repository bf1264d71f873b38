package image

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
)

// predicate decides whether an image is listed. It may drop tags from the
// summary: with a reference filter only the matching ones are shown.
type predicate func(sum *image.Summary, labels map[string]string) bool

// filter turns Docker's filters into one predicate. Values of one key are
// alternatives, except for labels; keys are joined by and.
func (s *Service) filter(ctx context.Context, filters map[string][]string) (predicate, error) {
	var all []predicate
	for key, values := range filters {
		p, err := s.filterKey(ctx, key, values)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return func(sum *image.Summary, labels map[string]string) bool {
		for _, p := range all {
			if !p(sum, labels) {
				return false
			}
		}
		return true
	}, nil
}

func (s *Service) filterKey(ctx context.Context, key string, values []string) (predicate, error) {
	switch key {
	case "reference":
		return filterReference(values)
	case "dangling":
		return filterDangling(values)
	case "label":
		return func(_ *image.Summary, labels map[string]string) bool {
			return !slices.ContainsFunc(values, func(v string) bool { return !hasLabel(labels, v) })
		}, nil
	case "before", "since":
		return s.filterAge(ctx, key, values)
	case "until":
		return filterUntil(values)
	}
	return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter %q: images can be filtered by reference, dangling, label, before, since and until", key)
}

// filterReference matches a pattern against names with and without their tag,
// in Docker's familiar form.
func filterReference(patterns []string) (predicate, error) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter reference=%s: %v", p, err)
		}
	}
	matches := func(name string) bool {
		ref, err := reference.ParseNormalizedNamed(name)
		return err == nil && slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := reference.FamiliarMatch(p, ref)
			return ok && err == nil
		})
	}
	return func(sum *image.Summary, _ map[string]string) bool {
		sum.RepoTags = slices.DeleteFunc(sum.RepoTags, func(n string) bool { return !matches(n) })
		sum.RepoDigests = slices.DeleteFunc(sum.RepoDigests, func(n string) bool {
			repo, _, _ := strings.Cut(n, "@")
			return !matches(n) && !slices.ContainsFunc(sum.RepoTags, func(t string) bool { return strings.HasPrefix(t, repo+":") })
		})
		return len(sum.RepoTags)+len(sum.RepoDigests) > 0
	}, nil
}

func filterDangling(values []string) (predicate, error) {
	want, err := strconv.ParseBool(values[len(values)-1])
	if err != nil {
		return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter dangling=%s: true or false is expected", values[len(values)-1])
	}
	return func(sum *image.Summary, _ map[string]string) bool {
		return (len(sum.RepoTags) == 0 && len(sum.RepoDigests) == 0) == want
	}, nil
}

// hasLabel tells whether labels have key, or key=value.
func hasLabel(labels map[string]string, want string) bool {
	key, value, exact := strings.Cut(want, "=")
	got, ok := labels[key]
	return ok && (!exact || got == value)
}

// filterAge compares with the age of another image.
func (s *Service) filterAge(ctx context.Context, key string, refs []string) (predicate, error) {
	var bounds []int64
	for _, ref := range refs {
		img, err := s.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		if img.Config.Created != nil {
			bounds = append(bounds, img.Config.Created.Unix())
		}
	}
	return func(sum *image.Summary, _ map[string]string) bool {
		return slices.ContainsFunc(bounds, func(b int64) bool {
			if key == "before" {
				return sum.Created < b
			}
			return sum.Created > b
		})
	}, nil
}

func filterUntil(values []string) (predicate, error) {
	if len(values) > 1 {
		return nil, errorf(errdefs.ErrInvalidArgument, "the until filter can be given once")
	}
	bound, err := parseTime(values[0], time.Now())
	if err != nil {
		return nil, err
	}
	return func(sum *image.Summary, _ map[string]string) bool { return sum.Created <= bound.Unix() }, nil
}

// parseTime reads what Docker takes for a point in time: a duration before now,
// seconds since 1970, or a date with as much precision as given.
func parseTime(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.UnixMilli(int64(seconds * 1000)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02Z07:00", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errorf(errdefs.ErrInvalidArgument, "invalid time %q: a duration as 24h, a date or seconds since 1970 is expected", text)
}
