package volume

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	apivolume "github.com/moby/moby/api/types/volume"
)

// ListOptions selects volumes, as `docker volume ls` does.
type ListOptions struct {
	Filters map[string][]string // dangling, driver, label, name, and nerdctl's size
	Size    bool                // measure each, which reads all its folders
}

// Create makes a volume. One that exists already is returned as it is.
func (s *Service) Create(ctx context.Context, opts CreateOptions) (apivolume.Volume, error) {
	h, err := s.Hold(ctx, opts)
	if err != nil {
		return apivolume.Volume{}, err
	}
	defer h.Release()
	m, err := s.read(h.Name)
	return s.shape(h.Name, m), err
}

// Inspect is all that is known of a volume. With size it is measured too.
func (s *Service) Inspect(_ context.Context, name string, size bool) (apivolume.Volume, error) {
	if !wellFormed(name) {
		return apivolume.Volume{}, notFound(name)
	}
	if fi, err := os.Lstat(s.folder(name)); errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
		return apivolume.Volume{}, notFound(name)
	}
	m, err := s.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return apivolume.Volume{}, notFound(name)
	}
	if err != nil {
		return apivolume.Volume{}, err
	}
	out := s.shape(name, m)
	if size {
		out.UsageData = &apivolume.UsageData{Size: s.measure(name, m), RefCount: -1}
	}
	return out, nil
}

// List lists volumes by name.
func (s *Service) List(ctx context.Context, opts ListOptions) ([]apivolume.Volume, error) {
	f, err := newFilter(opts.Filters)
	if err != nil {
		return nil, err
	}
	var used map[string][]string
	if f.dangling != nil {
		if used, err = s.users(ctx); err != nil {
			return nil, err
		}
	}
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	out := []apivolume.Volume{}
	for _, name := range names {
		m, err := s.read(name)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		// One whose file is damaged is listed, so that it can be removed.
		if !f.match(name, m, len(used[name]) > 0) {
			continue
		}
		v := s.shape(name, m)
		if opts.Size || f.needsSize() {
			v.UsageData = &apivolume.UsageData{Size: s.measure(name, m), RefCount: int64(len(used[name]))}
			if !f.sizeMatches(v.UsageData.Size) {
				continue
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// filter is `docker volume ls --filter`. Values of one key are alternatives but
// for labels, which add up, as keys do.
type filter struct {
	keys     map[string][]string
	dangling *bool
	sizes    []sizeBound
}

func newFilter(keys map[string][]string) (*filter, error) {
	f := &filter{keys: keys}
	for key, values := range keys {
		switch key {
		case "driver", "label", "label!", "name":
		case "dangling":
			v, err := parseBool(values)
			if err != nil {
				return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter 'dangling=[%s]'", strings.Join(values, " "))
			}
			f.dangling = &v
		case "size":
			for _, v := range values {
				b, err := parseSizeBound(v)
				if err != nil {
					return nil, err
				}
				f.sizes = append(f.sizes, b)
			}
		default:
			return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter '%s'", key)
		}
	}
	return f, nil
}

// parseBool reads the value of a filter that says yes or no.
func parseBool(values []string) (bool, error) {
	if len(values) == 1 {
		switch strings.ToLower(values[0]) {
		case "1", "true", "t":
			return true, nil
		case "0", "false", "f":
			return false, nil
		}
	}
	return false, errdefs.ErrInvalidArgument
}

func (f *filter) match(name string, m meta, used bool) bool {
	if f.dangling != nil && *f.dangling == used {
		return false
	}
	if names := f.keys["name"]; len(names) > 0 && !slices.ContainsFunc(names, func(part string) bool { return strings.Contains(name, part) }) {
		return false
	}
	if drivers := f.keys["driver"]; len(drivers) > 0 && !slices.ContainsFunc(drivers, func(part string) bool { return strings.Contains(Driver, part) }) {
		return false
	}
	return labelsMatch(f.keys, m.Labels)
}

// labelsMatch tells whether labels have all that "label" asks for and nothing
// that "label!" names.
func labelsMatch(keys map[string][]string, labels map[string]string) bool {
	for _, want := range keys["label"] {
		if !hasLabel(labels, want) {
			return false
		}
	}
	return !slices.ContainsFunc(keys["label!"], func(no string) bool { return hasLabel(labels, no) })
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, withValue := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!withValue || have == value)
}

// Usage is a volume with its size and the containers that use it.
type Usage struct {
	apivolume.Volume
	Users []string // ids
}

// Usage measures all volumes of nerd's own folders, for `docker system df`: what
// is mounted over a volume is not counted.
func (s *Service) Usage(ctx context.Context) ([]Usage, error) {
	users, err := s.users(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.List(ctx, ListOptions{Size: true})
	if err != nil {
		return nil, err
	}
	var out []Usage
	for _, v := range list {
		if v.UsageData.Size >= 0 {
			v.UsageData.RefCount = int64(len(users[v.Name]))
			out = append(out, Usage{Volume: v, Users: users[v.Name]})
		}
	}
	return out, nil
}
