package bake

import (
	"slices"
	"strings"
)

// Listed is a target or a group, for a list of them.
type Listed struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Group       bool   `json:"group,omitempty"`
}

// List names the targets and groups that may be asked for: a target whose name
// begins with an underscore is for others to inherit.
func (d *Definition) List() []Listed {
	var out []Listed
	for _, g := range d.Groups {
		description := g.Description
		if description == "" {
			description = strings.Join(g.Targets, ", ")
		}
		out = append(out, Listed{g.Name, description, true})
	}
	for _, t := range d.Targets {
		if !strings.HasPrefix(t.Name, "_") {
			out = append(out, Listed{Name: t.Name, Description: t.Description})
		}
	}
	slices.SortFunc(out, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return out
}
