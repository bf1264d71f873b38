package bake

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Compose file has most things in a short form and in a long one. These types
// take both.

// mapping is a map, or a list of NAME=VALUE and NAME.
type mapping map[string]*string

// UnmarshalYAML takes both forms.
func (m *mapping) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		return n.Decode((*map[string]*string)(m))
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*m = mapping{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if (*m)[name] = nil; ok {
			(*m)[name] = &value
		}
	}
	return nil
}

func (m mapping) plain() map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

// hostNames are names with an address each, or several.
type hostNames map[string]*string

// UnmarshalYAML takes NAME=ADDRESS, NAME:ADDRESS and a map, of lists as well.
func (h *hostNames) UnmarshalYAML(n *yaml.Node) error {
	*h = hostNames{}
	if n.Kind == yaml.MappingNode {
		var m map[string]words
		if err := n.Decode(&m); err != nil {
			return err
		}
		for name, addresses := range m {
			all := strings.Join(addresses, ",")
			(*h)[name] = &all
		}
		return nil
	}
	var lines []string
	if err := n.Decode(&lines); err != nil {
		return err
	}
	for _, line := range lines {
		name, address, ok := strings.Cut(line, "=")
		if !ok {
			name, address, _ = strings.Cut(line, ":")
		}
		(*h)[name] = &address
	}
	return nil
}

// words is a list, or a text of words.
type words []string

// UnmarshalYAML takes both forms.
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = strings.Fields(n.Value)
		return nil
	}
	return n.Decode((*[]string)(w))
}

// ulimit is a number, or two.
type ulimit struct{ Soft, Hard int64 }

// UnmarshalYAML takes both forms.
func (u *ulimit) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		type plain ulimit
		return n.Decode((*plain)(u))
	}
	err := n.Decode(&u.Soft)
	u.Hard = u.Soft
	return err
}

// modelRef is the use of a secret, by its name alone or with more about it.
type modelRef struct{ Source string }

// UnmarshalYAML takes both forms.
func (r *modelRef) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		r.Source = n.Value
		return nil
	}
	type plain modelRef
	return n.Decode((*plain)(r))
}

// UnmarshalYAML takes the folder alone as well.
func (b *modelBuild) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		b.Context = n.Value
		return nil
	}
	type plain modelBuild
	return n.Decode((*plain)(b))
}
