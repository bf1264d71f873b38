package bake

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// linkPrefix marks a named context that is the result of another target.
const linkPrefix = "target:"

// Plan is what is to be built: targets by their names, with nothing left to
// inherit, and the groups that were named. It is what --print prints.
type Plan struct {
	Groups  map[string]*Group  `json:"group,omitempty"`
	Targets map[string]*Target `json:"target"`
}

// Resolve makes a plan of the names of targets and groups, or of patterns of
// them, with the changes of --set. No name is the group or target default.
func (d *Definition) Resolve(names, set []string) (*Plan, error) {
	if len(names) == 0 {
		names = []string{"default"}
	}
	var asked []string
	for _, name := range names {
		found, err := d.match(strings.ReplaceAll(name, ".", "_"))
		if err != nil {
			return nil, err
		}
		asked = append(asked, found...)
	}
	asked = unique(asked)
	changes, err := d.parseSet(set)
	if err != nil {
		return nil, err
	}
	r := &resolver{d: d, changes: changes, plan: &Plan{Groups: map[string]*Group{}, Targets: map[string]*Target{}}}
	for _, name := range asked {
		for _, target := range r.expand(name, nil) {
			if err := r.add(target, false); err != nil {
				return nil, err
			}
		}
	}
	r.defaultGroup(asked)
	for _, name := range sorted(r.plan.Targets) {
		if err := r.link(name, nil); err != nil {
			return nil, err
		}
	}
	return r.plan, nil
}

// match finds the groups and targets of a pattern.
func (d *Definition) match(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[]") {
		return []string{pattern}, nil
	}
	var out []string
	for _, name := range d.names() {
		if ok, _ := path.Match(pattern, name); ok { // a bad pattern matches nothing
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("could not find any target matching %q", pattern)
	}
	return out, nil
}

func (d *Definition) names() []string {
	var out []string
	for _, g := range d.Groups {
		out = append(out, g.Name)
	}
	for _, t := range d.Targets {
		out = append(out, t.Name)
	}
	return out
}

func (d *Definition) group(name string) *Group {
	if i := slices.IndexFunc(d.Groups, func(g *Group) bool { return g.Name == name }); i >= 0 {
		return d.Groups[i]
	}
	return nil
}

func (d *Definition) target(name string) *Target {
	if i := slices.IndexFunc(d.Targets, func(t *Target) bool { return t.Name == name }); i >= 0 {
		return d.Targets[i]
	}
	return nil
}

// resolver makes a plan of a definition.
type resolver struct {
	d       *Definition
	changes map[string][]change
	plan    *Plan
}

// expand lists the targets of a group, or the target of that name. A group within
// itself adds nothing.
func (r *resolver) expand(name string, within []string) []string {
	g := r.d.group(name)
	if g == nil {
		return []string{name}
	}
	if slices.Contains(within, name) {
		return nil
	}
	r.plan.Groups[name] = &Group{Name: g.Name, Description: g.Description, Targets: slices.Clone(g.Targets)}
	var out []string
	for _, member := range g.Targets {
		out = append(out, r.expand(member, append(within, name))...)
	}
	return unique(out)
}

// defaultGroup names what was asked for.
func (r *resolver) defaultGroup(asked []string) {
	for _, name := range asked {
		g, ok := r.plan.Groups["default"]
		if ok && name == "default" {
			continue
		}
		if !ok {
			g = &Group{Name: "default"}
			r.plan.Groups["default"] = g
		}
		g.Targets = append(g.Targets, name)
	}
	if g, ok := r.plan.Groups["default"]; ok {
		g.Targets = unique(g.Targets)
		slices.Sort(g.Targets)
	}
}

// add resolves a target and puts it in the plan.
func (r *resolver) add(name string, linked bool) error {
	t, err := r.inherit(name, nil)
	if err != nil {
		return err
	}
	t = t.clone()
	t.Inherits = nil
	here, file := ".", "Dockerfile"
	if t.Context == nil {
		t.Context = &here
	}
	if t.Dockerfile == nil || *t.Dockerfile == "" {
		t.Dockerfile = &file
	}
	if linked {
		t.Linked, t.Outputs = true, Outputs{{"type": "cacheonly"}}
	}
	r.plan.Targets[name] = t
	return nil
}

// inherit is a target with what it inherits, changed as --set says.
func (r *resolver) inherit(name string, within []string) (*Target, error) {
	own := r.d.target(name)
	if own == nil {
		return nil, fmt.Errorf("failed to find target %s", name)
	}
	out := &Target{Name: name}
	for _, parent := range own.Inherits {
		if parent == name || slices.Contains(within, parent) {
			continue // what it has of itself it has already
		}
		t, err := r.inherit(parent, append(within, name))
		if err != nil {
			return nil, err
		}
		out.Merge(t)
	}
	out.Merge(own)
	for _, c := range r.changes[name] {
		if err := c.apply(out); err != nil {
			return nil, err
		}
	}
	out.normalize()
	return out, nil
}

// link adds the targets whose results others take.
func (r *resolver) link(name string, within []string) error {
	t := r.plan.Targets[name]
	for _, key := range sorted(t.Contexts) {
		other, ok := strings.CutPrefix(t.Contexts[key], linkPrefix)
		if !ok {
			continue
		}
		if other == name {
			return fmt.Errorf("target %s cannot link to itself", name)
		}
		if slices.Contains(within, other) {
			return fmt.Errorf("infinite loop from %s to %s", name, other)
		}
		if r.plan.Targets[other] == nil {
			if err := r.add(other, true); err != nil {
				return err
			}
		}
		if err := r.link(other, append(within, name)); err != nil {
			return err
		}
		from := r.plan.Targets[other]
		t.Entitlements = unique(append(t.Entitlements, from.Entitlements...))
		if len(t.Platforms) > 1 && len(from.Platforms) > 1 {
			for _, p := range t.Platforms {
				if !slices.Contains(from.Platforms, p) {
					return fmt.Errorf("target %s can't be used by %s because its platforms %v are not a subset of %v", other, name, t.Platforms, from.Platforms)
				}
			}
		}
	}
	return nil
}

// Links are the named contexts of a target that are results of others.
func (t *Target) Links() map[string]string {
	out := map[string]string{}
	for key, value := range t.Contexts {
		if other, ok := strings.CutPrefix(value, linkPrefix); ok {
			out[key] = other
		}
	}
	return out
}
