package container

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
)

// filter is `docker ps --filter`. Values of one key are alternatives, but labels
// add up, and so do keys.
type filter struct {
	keys   map[string][]string
	before *Container
	since  *Container
	names  []*regexp.Regexp
	// images are the digests of images that ancestor names or that were made from
	// those; networks the names of those that network names.
	images   map[string]bool
	networks []string
}

// filterKeys are the keys that List knows. Isolation is Windows's: as in Docker
// every container here is of every kind.
var filterKeys = []string{
	"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network", "publish", "since", "status", "volume",
}

// newFilter checks the keys and values and looks up what they name; all are the
// containers that there are.
func (s *Service) newFilter(ctx context.Context, keys map[string][]string, all []*Container) (*filter, error) {
	f := &filter{keys: keys}
	for k, values := range keys {
		if !slices.Contains(filterKeys, k) {
			return nil, errorf(errdefs.ErrInvalidArgument, "invalid filter '%s'", k)
		}
		for _, v := range values {
			if err := checkFilterValue(k, v); err != nil {
				return nil, err
			}
		}
	}
	for _, v := range keys["name"] {
		f.names = append(f.names, namePattern(v))
	}
	var err error
	if f.before, err = bound(keys["before"], all); err != nil {
		return nil, err
	}
	if f.since, err = bound(keys["since"], all); err != nil {
		return nil, err
	}
	f.images = s.descendants(ctx, keys["ancestor"], all)
	f.networks = s.networkNames(ctx, keys["network"])
	return f, nil
}

// hasStatus tells whether a state is asked for: then containers in any are looked at.
func (f *filter) hasStatus() bool { return len(f.keys["status"]) > 0 }

func checkFilterValue(key, value string) error {
	bad := func(format string, args ...any) error { return errorf(errdefs.ErrInvalidArgument, format, args...) }
	switch key {
	case "status":
		if !slices.Contains([]string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}, value) {
			return bad("invalid filter 'status=%s'", value)
		}
	case "exited":
		if _, err := strconv.Atoi(value); err != nil {
			return bad("invalid filter 'exited=%s': a number is expected", value)
		}
	case "health":
		if !slices.Contains([]string{"starting", "healthy", "unhealthy", "none"}, value) {
			return bad("unrecognized filter value for health: %s", value)
		}
	case "is-task":
		if _, err := strconv.ParseBool(value); err != nil {
			return bad("invalid filter 'is-task=[%s]'", value)
		}
	case "publish", "expose":
		if strings.Contains(value, ":") {
			return bad("filter for '%s' should not contain ':': %s", key, value)
		}
		if _, err := parsePortFilter(value); err != nil {
			return bad("error while looking up for %s %s: a port or a range of ports is expected", key, value)
		}
	}
	return nil
}

// bound is the container that before or since names; the last value counts. A
// whole id wins over a name, and a name over the beginning of an id.
func bound(values []string, all []*Container) (*Container, error) {
	if len(values) == 0 {
		return nil, nil
	}
	ref := values[len(values)-1]
	name := strings.TrimPrefix(ref, "/")
	for _, is := range []func(*Container) bool{
		func(c *Container) bool { return c.ID == ref },
		func(c *Container) bool { return c.Name == name },
		func(c *Container) bool { return ref != "" && strings.HasPrefix(c.ID, ref) },
	} {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i], nil
		}
	}
	return nil, notFound(ref)
}

// wantsSandboxes tells whether the pause containers of pods are asked for. They
// run nothing of anybody's, so a list of containers is better without them.
func (f *filter) wantsSandboxes() bool {
	return slices.ContainsFunc(f.keys["label"], func(v string) bool { return strings.HasPrefix(v, labelKind) })
}

// match tells whether c, which looks like v, is to be listed.
func (f *filter) match(c *Container, v inspect.Container) bool {
	if f.before != nil && !c.Created.Before(f.before.Created) || f.since != nil && !c.Created.After(f.since.Created) {
		return false
	}
	for key, values := range f.keys {
		switch key {
		case "before", "since", "isolation":
		case "label":
			if slices.ContainsFunc(values, func(want string) bool { return !hasLabel(c.Config.Labels, want) }) {
				return false
			}
		case "name":
			if !slices.ContainsFunc(f.names, func(re *regexp.Regexp) bool { return matchesName(re, c.Name) }) {
				return false
			}
		default:
			if !slices.ContainsFunc(values, func(want string) bool { return f.matchOne(c, v, key, want) }) {
				return false
			}
		}
	}
	return true
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, withValue := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!withValue || have == value)
}

func (f *filter) matchOne(c *Container, v inspect.Container, key, want string) bool {
	switch key {
	case "id":
		return strings.HasPrefix(c.ID, want)
	case "status":
		return string(v.State) == want
	case "exited":
		return v.State == container.StateExited && !v.StartedAt.IsZero() && strconv.Itoa(v.ExitCode) == want
	case "health":
		return string(inspect.HealthOf(v).Status) == want
	case "is-task": // there are no swarms
		task, _ := strconv.ParseBool(want)
		return !task
	case "ancestor":
		return f.images[c.ImageID] || len(f.images) == 0 && imageRefMatches(c, want)
	case "volume":
		return slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool { return m.Name == want || m.Source == want || m.Destination == want })
	case "network":
		return f.onNetwork(v, want)
	case "publish", "expose":
		return portMatches(v, key, want)
	}
	return false
}

// onNetwork tells whether a container is on a network, or would be if it ran.
func (f *filter) onNetwork(v inspect.Container, want string) bool {
	for name, ep := range inspect.Summary(v, v.Created).NetworkSettings.Networks {
		if name == want || slices.Contains(f.networks, name) || ep != nil && ep.NetworkID != "" && strings.HasPrefix(ep.NetworkID, want) {
			return true
		}
	}
	return false
}

// networkNames finds the networks that are named by their ids.
func (s *Service) networkNames(ctx context.Context, values []string) []string {
	var names []string
	for _, v := range values {
		if n, err := s.cfg.Networks.Network(ctx, v); err == nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// descendants are, among the images of all, those that refs name and those that
// were made from them: their layers begin with the other's. An image that is
// gone is known by what its containers were called to be of.
func (s *Service) descendants(ctx context.Context, refs []string, all []*Container) map[string]bool {
	if len(refs) == 0 {
		return nil
	}
	layers := map[string][]string{}
	for _, c := range all {
		if _, known := layers[c.ImageID]; !known && c.ImageID != "" {
			layers[c.ImageID], _ = s.layersOf(ctx, c.ImageID, c.Platform)
		}
	}
	out := map[string]bool{}
	for _, ref := range refs {
		img, err := s.cfg.Images.ResolveFor(ctx, ref, nil)
		if err != nil {
			continue
		}
		out[img.ID()] = true
		base := digests(img.Config.RootFS)
		for id, l := range layers {
			if len(base) > 0 && len(l) >= len(base) && slices.Equal(l[:len(base)], base) {
				out[id] = true
			}
		}
	}
	return out
}

func (s *Service) layersOf(ctx context.Context, imageID, platform string) ([]string, error) {
	p, err := platforms.Parse(platform)
	if err != nil {
		return nil, err
	}
	img, err := s.cfg.Images.ResolveFor(ctx, imageID, &p)
	if err != nil {
		return nil, err
	}
	return digests(img.Config.RootFS), nil
}

func digests(fs ocispec.RootFS) []string {
	out := make([]string, len(fs.DiffIDs))
	for i, d := range fs.DiffIDs {
		out[i] = d.String()
	}
	return out
}

// imageRefMatches tells whether a container was made from what the user calls v.
func imageRefMatches(c *Container, v string) bool {
	id := strings.TrimPrefix(c.ImageID, "sha256:")
	want := strings.TrimPrefix(v, "sha256:")
	ref := strings.TrimPrefix(strings.TrimPrefix(c.ImageRef, "docker.io/"), "library/")
	return ref == v || c.ImageRef == v || strings.TrimSuffix(ref, ":latest") == v || len(want) >= 4 && strings.HasPrefix(id, want)
}

// portRange is a value of publish or expose: PORT[-PORT][/PROTOCOL].
type portRange struct {
	first, last uint16
	proto       network.IPProtocol
}

func parsePortFilter(text string) (portRange, error) {
	ports, proto, _ := strings.Cut(text, "/")
	if proto == "" {
		proto = "tcp"
	}
	from, to, isRange := strings.Cut(ports, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 16)
	if err != nil {
		return portRange{}, err
	}
	last, err := strconv.ParseUint(to, 10, 16)
	if err == nil && last < first {
		err = fmt.Errorf("invalid range of ports %q", ports)
	}
	return portRange{uint16(first), uint16(last), network.IPProtocol(strings.ToLower(proto))}, err
}

// portMatches tells whether a container publishes a port of the host, or exposes
// one of its own.
func portMatches(v inspect.Container, key, want string) bool {
	r, err := parsePortFilter(want)
	if err != nil {
		return false
	}
	in := func(port uint16, proto network.IPProtocol) bool {
		return port >= r.first && port <= r.last && proto == r.proto
	}
	if key == "publish" {
		return slices.ContainsFunc(inspect.Ports(v), func(p container.PortSummary) bool {
			return p.PublicPort != 0 && in(p.PublicPort, network.IPProtocol(p.Type))
		})
	}
	for p := range inspect.PortMap(v) { // empty while it does not run
		if in(p.Num(), p.Proto()) {
			return true
		}
	}
	return false
}
