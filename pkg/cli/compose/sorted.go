package compose

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sorted orders the attributes of services by name, as Docker Compose prints them,
// whatever the order of the loader's fields.
func sorted(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) > 0 {
		for _, services := range valuesOf(doc.Content[0], "services") {
			for _, s := range valuesOf(services, "") {
				sortKeys(s)
			}
		}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(&doc)
	return b.Bytes(), err
}

// valuesOf are the values of a mapping, of one key or of all.
func valuesOf(n *yaml.Node, key string) []*yaml.Node {
	var out []*yaml.Node
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key == "" || n.Content[i].Value == key {
				out = append(out, n.Content[i+1])
			}
		}
	}
	return out
}

func sortKeys(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	type pair struct{ key, value *yaml.Node }
	var pairs []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key.Value, b.key.Value) })
	n.Content = n.Content[:0]
	for _, p := range pairs {
		n.Content = append(n.Content, p.key, p.value)
	}
}
