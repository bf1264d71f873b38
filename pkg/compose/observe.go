package compose

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// Container is a container of a project, as far as plans are concerned.
type Container struct {
	ID, Name string
	Service  string
	Number   int
	OneOff   bool
	State    apicontainer.ContainerState
	Health   apicontainer.HealthStatus
	ImageID  string
	Image    string // as it was asked for
	Network  string // network mode
	Created  int64  // seconds since 1970
	Labels   map[string]string
	Summary  apicontainer.Summary
}

// Running tells whether its process lives, paused ones included.
func (c *Container) Running() bool {
	return c.State == apicontainer.StateRunning || c.State == apicontainer.StatePaused || c.State == apicontainer.StateRestarting
}

// Resource is a network or a volume.
type Resource struct {
	Name   string
	Labels map[string]string
}

// Observed is what there is of a project, and of what it refers to.
type Observed struct {
	Containers []Container         // by service, then number
	Networks   map[string]Resource // by name
	Volumes    map[string]Resource // by name
	Images     map[string]string   // id by reference as asked for; missing: not here
}

// Of lists the containers of a service that `run` has not made, by number.
func (o *Observed) Of(service string) []Container {
	var out []Container
	for _, c := range o.Containers {
		if c.Service == service && !c.OneOff {
			out = append(out, c)
		}
	}
	return out
}

// Observe looks at what there is of the project with that name. project may be
// nil, for the commands that need no file; with one the networks, volumes and
// images that it names are looked at too.
func Observe(ctx context.Context, b Backend, name string, project *types.Project) (*Observed, error) {
	out := &Observed{Networks: map[string]Resource{}, Volumes: map[string]Resource{}, Images: map[string]string{}}
	list, err := b.Containers.List(ctx, container.ListOptions{All: true, Filters: map[string][]string{"label": {LabelProject + "=" + name}}})
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		out.Containers = append(out.Containers, observed(s))
	}
	slices.SortStableFunc(out.Containers, func(a, b Container) int {
		if c := strings.Compare(a.Service, b.Service); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	networks, err := b.Networks.List(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		out.Networks[n.Name] = Resource{n.Name, n.Labels}
	}
	volumes, err := b.Volumes.List(ctx, volume.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		out.Volumes[v.Name] = Resource{v.Name, v.Labels}
	}
	if project == nil {
		return out, nil
	}
	return out, out.images(ctx, b, project)
}

func (o *Observed) images(ctx context.Context, b Backend, p *types.Project) error {
	for _, s := range p.Services {
		ref := ImageName(p, &s)
		if _, ok := o.Images[ref]; ok {
			continue
		}
		img, err := b.Images.Resolve(ctx, ref)
		switch {
		case errdefs.IsNotFound(err):
		case err != nil:
			return err
		default:
			o.Images[ref] = img.ID()
		}
	}
	return nil
}

func observed(s apicontainer.Summary) Container {
	c := Container{
		ID: s.ID, Service: s.Labels[LabelService], OneOff: strings.EqualFold(s.Labels[LabelOneOff], "true"), State: s.State,
		ImageID: s.ImageID, Image: s.Image, Network: s.HostConfig.NetworkMode, Created: s.Created, Labels: s.Labels, Summary: s,
	}
	if len(s.Names) > 0 {
		c.Name = strings.TrimPrefix(s.Names[0], "/")
	}
	c.Number, _ = strconv.Atoi(s.Labels[LabelNumber])
	if s.Health != nil && s.Health.Status != apicontainer.NoHealthcheck {
		c.Health = s.Health.Status
	}
	return c
}

// ProjectInfo is a line of `ls`.
type ProjectInfo struct {
	Name        string
	Status      string // "exited(1), running(2)"
	ConfigFiles string
	Running     bool
}

// Projects lists the projects that have containers.
func Projects(ctx context.Context, b Backend) ([]ProjectInfo, error) {
	list, err := b.Containers.List(ctx, container.ListOptions{All: true, Filters: map[string][]string{"label": {LabelProject}}})
	if err != nil {
		return nil, err
	}
	byName := map[string][]apicontainer.Summary{}
	for _, c := range list {
		if !strings.EqualFold(c.Labels[LabelOneOff], "true") {
			byName[c.Labels[LabelProject]] = append(byName[c.Labels[LabelProject]], c)
		}
	}
	var out []ProjectInfo
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		states, files := map[string]int{}, map[string]bool{}
		for _, c := range byName[name] {
			states[string(c.State)]++
			if f := c.Labels[LabelConfigFiles]; f != "" {
				files[f] = true
			}
		}
		var parts []string
		for _, s := range sortedKeys(states) {
			parts = append(parts, s+"("+strconv.Itoa(states[s])+")")
		}
		out = append(out, ProjectInfo{
			Name: name, Status: strings.Join(parts, ", "), ConfigFiles: strings.Join(sortedKeys(files), ","), Running: states["running"] > 0,
		})
	}
	return out, nil
}

// Age is how long ago the container was made.
func (c *Container) Age(now time.Time) time.Duration { return now.Sub(time.Unix(c.Created, 0)) }
