package container

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
)

// List is what `docker ps` shows, newest first. It costs one call to containerd:
// whether a container runs is asked of the kernel, so a hung shim delays nobody.
func (s *Service) List(ctx context.Context, opts ListOptions) ([]container.Summary, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	all := make([]*Container, 0, len(list))
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Container) int { return b.Created.Compare(a.Created) })
	f, err := newFilter(opts.Filters, all)
	if err != nil {
		return nil, err
	}
	var out []container.Summary
	for _, c := range all {
		if opts.Limit > 0 && len(out) == opts.Limit {
			break
		}
		if !opts.All && opts.Limit == 0 && !f.hasStatus && !c.Running() && c.Status.State != container.StateRestarting {
			continue
		}
		if !f.match(c) {
			continue
		}
		sum := inspect.Summary(view(c), now())
		if opts.Size && c.SnapshotKey != "" {
			sum.SizeRw, sum.SizeRootFs = s.size(ctx, c)
		}
		out = append(out, sum)
	}
	return out, nil
}

// size is what a container's own layer and its whole root file system take, in
// bytes; what cannot be measured counts as nothing.
func (s *Service) size(ctx context.Context, c *Container) (own, all int64) {
	sn := s.cfg.Backend.Snapshots(c.Driver)
	for key := c.SnapshotKey; key != ""; {
		usage, err := sn.Usage(ctx, key)
		if err != nil {
			return own, all
		}
		if key == c.SnapshotKey {
			own = usage.Size
		}
		all += usage.Size
		info, err := sn.Stat(ctx, key)
		if err != nil {
			return own, all
		}
		key = info.Parent
	}
	return own, all
}

// view is what the pure functions of package inspect work on.
func view(c *Container) inspect.Container {
	st := c.Status
	state := st.State
	exit := st.ExitCode
	if c.ended() { // nobody has handled its end yet
		state, st.Ports, st.Networks = container.StateExited, nil, nil
	}
	return inspect.Container{
		ID: c.ID, Name: c.Name, Created: c.Created, Path: c.Path, Args: c.Args, ImageRef: c.ImageRef, ImageID: c.ImageID,
		Platform: c.Platform, Driver: c.Driver, Config: c.Config, HostConfig: c.HostConfig, Mounts: c.Mounts, AppArmor: c.AppArmor,
		AskedNetworks: c.Networks, Networks: st.Networks, Ports: st.Ports,
		State: state, PID: runningPID(c), ExitCode: exit, OOMKilled: st.OOMKilled, Error: st.Error,
		StartedAt: st.StartedAt, FinishedAt: st.FinishedAt, RestartCount: st.RestartCount, Health: c.health(),
	}
}

func runningPID(c *Container) int {
	if c.Running() {
		return c.Status.Process.PID
	}
	return 0
}

// filter is `docker ps --filter`. Values of one key are alternatives, keys add up.
type filter struct {
	keys      map[string][]string
	hasStatus bool
	before    *Container
	since     *Container
}

// filterKeys are the keys that List knows.
var filterKeys = []string{"id", "name", "label", "status", "exited", "ancestor", "before", "since", "volume", "network", "publish", "expose", "health"}

func newFilter(keys map[string][]string, all []*Container) (*filter, error) {
	f := &filter{keys: keys, hasStatus: len(keys["status"]) > 0 || len(keys["exited"]) > 0}
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
	var err error
	if f.before, err = bound(keys["before"], all); err != nil {
		return nil, err
	}
	f.since, err = bound(keys["since"], all)
	return f, err
}

func checkFilterValue(key, value string) error {
	switch key {
	case "status":
		if !slices.Contains([]string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}, value) {
			return errorf(errdefs.ErrInvalidArgument, "invalid filter 'status=%s'", value)
		}
	case "exited":
		if _, err := strconv.Atoi(value); err != nil {
			return errorf(errdefs.ErrInvalidArgument, "invalid filter 'exited=%s'", value)
		}
	case "health":
		if container.ValidateHealthStatus(container.HealthStatus(value)) != nil {
			return errorf(errdefs.ErrInvalidArgument, "unrecognized filter value for health: %s", value)
		}
	}
	return nil
}

// bound is the container that before or since names.
func bound(values []string, all []*Container) (*Container, error) {
	if len(values) == 0 {
		return nil, nil
	}
	ref := values[len(values)-1]
	for _, c := range all {
		if c.Name == ref || strings.HasPrefix(c.ID, ref) {
			return c, nil
		}
	}
	return nil, notFound(ref)
}

func (f *filter) match(c *Container) bool {
	if f.before != nil && !c.Created.Before(f.before.Created) || f.since != nil && !c.Created.After(f.since.Created) {
		return false
	}
	for key, values := range f.keys {
		if key == "before" || key == "since" {
			continue
		}
		if key == "label" { // labels add up
			if !slices.ContainsFunc(values, func(v string) bool { return !hasLabel(c.Config.Labels, v) }) {
				continue
			}
			return false
		}
		if !slices.ContainsFunc(values, func(v string) bool { return matchOne(c, key, v) }) {
			return false
		}
	}
	return true
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, withValue := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!withValue || have == value)
}

func matchOne(c *Container, key, v string) bool {
	switch key {
	case "id":
		return strings.Contains(c.ID, v)
	case "name":
		return nameMatches(c.Name, v)
	case "status":
		return string(view(c).State) == v
	case "exited":
		return view(c).State == container.StateExited && strconv.Itoa(c.Status.ExitCode) == v
	case "ancestor":
		return ancestorMatches(c, v)
	case "volume":
		return slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool { return m.Name == v || m.Source == v || m.Destination == v })
	case "network":
		return string(c.HostConfig.NetworkMode) == v || slices.Contains(slices.Collect(maps.Keys(c.Status.Networks)), v)
	case "publish", "expose":
		return portMatches(c, key, v)
	case "health":
		return string(inspect.HealthOf(view(c)).Status) == v
	}
	return false
}

func ancestorMatches(c *Container, v string) bool {
	id := strings.TrimPrefix(c.ImageID, "sha256:")
	want := strings.TrimPrefix(v, "sha256:")
	ref := strings.TrimPrefix(strings.TrimPrefix(c.ImageRef, "docker.io/"), "library/")
	return ref == v || c.ImageRef == v || strings.TrimSuffix(ref, ":latest") == v || len(want) >= 4 && strings.HasPrefix(id, want)
}

func portMatches(c *Container, key, v string) bool {
	num, proto, ok := strings.Cut(v, "/")
	if !ok {
		proto = "tcp"
	}
	if key == "publish" {
		return slices.ContainsFunc(inspect.Ports(view(c)), func(p container.PortSummary) bool {
			return p.PublicPort != 0 && strconv.Itoa(int(p.PrivatePort)) == num && p.Type == proto
		})
	}
	for p := range c.Config.ExposedPorts {
		if strconv.Itoa(int(p.Num())) == num && string(p.Proto()) == proto {
			return true
		}
	}
	return false
}
