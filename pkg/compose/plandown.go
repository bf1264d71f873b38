package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// DownOptions says what `down` removes.
type DownOptions struct {
	Services      []string // empty: all, and networks with them
	RemoveOrphans bool
	Volumes       bool
	Images        string // "", "local" or "all"
	Timeout       *int   // seconds until a stop kills
}

// PlanDown says what has to go. Without a project, which is nil then, everything
// goes that carries the name in its labels.
func PlanDown(name string, p *types.Project, o *Observed, opts DownOptions) *Plan {
	plan := &Plan{}
	removed := map[string][]int{} // steps by service
	left := false
	order := stopOrder(p, o)
	for _, service := range order {
		known := p == nil || hasService(p, service)
		for i := range o.Containers {
			c := &o.Containers[i]
			if c.Service != service {
				continue
			}
			if len(opts.Services) > 0 && !slices.Contains(opts.Services, service) || !known && !opts.RemoveOrphans {
				left = true
				continue
			}
			a := Action{Kind: Remove, Name: c.Name, Container: c, Volumes: opts.Volumes, Timeout: opts.Timeout, Service: serviceOf(p, service)}
			for _, user := range usersOf(p, o, service) { // what depends on it goes first
				a.Needs = append(a.Needs, removed[user]...)
			}
			if !known {
				a.Reason = fmt.Sprintf("the file has no service %q any more", service)
			}
			removed[service] = append(removed[service], plan.add(a))
		}
	}
	if len(opts.Services) == 0 {
		removeRest(plan, name, p, o, opts, left)
	}
	return plan
}

// removeRest removes networks, volumes and images, after all containers; left says
// that some of these stay.
func removeRest(plan *Plan, name string, p *types.Project, o *Observed, opts DownOptions, left bool) {
	all := make([]int, len(plan.Actions))
	for i := range all {
		all[i] = i
	}
	for _, n := range sortedKeys(o.Networks) {
		if o.Networks[n].Labels[LabelProject] == name {
			a := Action{Kind: RemoveNetwork, Name: n, Needs: all}
			if left {
				a.Optional = true // containers that are left may be on it
			}
			plan.add(a)
		}
	}
	if opts.Volumes {
		for _, v := range sortedKeys(o.Volumes) {
			if o.Volumes[v].Labels[LabelProject] == name {
				plan.add(Action{Kind: RemoveVolume, Name: v, Needs: all})
			}
		}
	}
	for _, ref := range imagesToRemove(name, p, o, opts.Images) {
		plan.add(Action{Kind: RemoveImage, Name: ref, Needs: all})
	}
}

func hasService(p *types.Project, name string) bool {
	_, ok := p.AllServices()[name]
	return ok
}

func serviceOf(p *types.Project, name string) *types.ServiceConfig {
	if p == nil {
		return nil
	}
	if s, ok := p.AllServices()[name]; ok {
		return &s
	}
	return nil
}

// usersOf lists the services that depend on one, as the file says or else as the
// containers remember.
func usersOf(p *types.Project, o *Observed, service string) []string {
	users := map[string]bool{}
	if p != nil {
		for name, s := range p.AllServices() {
			if _, ok := s.DependsOn[service]; ok {
				users[name] = true
			}
		}
	}
	for _, c := range o.Containers {
		if slices.Contains(parseDependsOn(c.Labels[LabelDependsOn]), service) && c.Service != service {
			users[c.Service] = true
		}
	}
	return sortedKeys(users)
}

// stopOrder lists the services that have containers, users before what they use.
// A cycle, which two versions of a file can make, is cut somewhere.
func stopOrder(p *types.Project, o *Observed) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, user := range usersOf(p, o, name) {
			visit(user)
		}
		order = append(order, name)
	}
	for _, c := range o.Containers {
		visit(c.Service)
	}
	return order
}

func imagesToRemove(name string, p *types.Project, o *Observed, which string) []string {
	refs := map[string]bool{}
	add := func(ref string, local bool) {
		if which == "all" || which == "local" && local {
			refs[ref] = true
		}
	}
	if p != nil {
		for _, s := range p.Services {
			if _, here := o.Images[ImageName(p, &s)]; here {
				add(ImageName(p, &s), s.Image == "")
			}
		}
		return sortedKeys(refs)
	}
	for _, c := range o.Containers {
		add(c.Image, strings.HasPrefix(c.Image, name+"-"))
	}
	return sortedKeys(refs)
}
