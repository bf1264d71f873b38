package compose

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keyOrder is where Docker Compose prints an attribute of a service that is not
// where the alphabet has it: as if it had the name on the right.
var keyOrder = map[string]string{
	"profiles": "", "cgroup_parent": "cgroup", "cgroup": "cgroup0", "cpus": "ci_s0", "cpuset": "ci_s1", "hostname": "health", "mac_address": "memz",
	"mem_swappiness": "memswap_z", "device_cgroup_rules": "device", "mem_limit": "mem0", "mem_reservation": "mem1",
}

// networkOrder is that of what a service says about a network.
var networkOrder = []string{"priority", "aliases", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "driver_opts"}

// parse reads YAML or JSON.
func parse(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}, nil
	}
	return doc.Content[0], nil
}

// canonical makes of a project what Docker Compose prints, whatever the order and
// the short forms of the loader.
func canonical(root *yaml.Node) {
	for _, services := range valuesOf(root, "services") {
		for _, s := range valuesOf(services, "") {
			canonicalService(s)
		}
	}
}

func canonicalService(s *yaml.Node) {
	sortKeys(s, serviceOrder)
	for _, networks := range valuesOf(s, "networks") {
		for _, n := range valuesOf(networks, "") {
			sortKeys(n, func(key string) string {
				if i := slices.Index(networkOrder, key); i >= 0 {
					return strconv.Itoa(i)
				}
				return key
			})
		}
	}
	lists := slices.Concat(valuesOf(s, "secrets"), valuesOf(s, "configs"))
	for _, build := range valuesOf(s, "build") {
		lists = append(lists, valuesOf(build, "secrets")...)
		for _, ssh := range valuesOf(build, "ssh") { // a map, in the loader
			slices.SortFunc(ssh.Content, func(a, b *yaml.Node) int { return strings.Compare(a.Value, b.Value) })
		}
	}
	for _, list := range lists {
		for _, ref := range list.Content {
			decimalMode(ref)
		}
	}
	for _, list := range valuesOf(s, "volumes") {
		for _, v := range list.Content {
			sayHostPath(v)
		}
	}
}

// serviceOrder is the word by which a key of a service is sorted.
func serviceOrder(key string) string {
	if as, ok := keyOrder[key]; ok {
		return as
	}
	if rest, ok := strings.CutPrefix(key, "cpu_"); ok {
		return "ci_" + rest // before command
	}
	return key
}

// decimalMode prints the mode of a secret or config as a number.
func decimalMode(ref *yaml.Node) {
	for _, mode := range valuesOf(ref, "mode") {
		if n, err := strconv.ParseInt(mode.Value, 8, 64); err == nil && mode.Tag == "!!str" {
			*mode = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(n, 10)}
		}
	}
}

// sayHostPath prints the default that a folder is made where there is none.
func sayHostPath(volume *yaml.Node) {
	for _, bind := range valuesOf(volume, "bind") {
		if bind.Kind != yaml.MappingNode || len(valuesOf(bind, "create_host_path")) > 0 {
			continue
		}
		bind.Style &^= yaml.FlowStyle
		bind.Content = append(bind.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "create_host_path"},
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
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

// sortKeys orders a mapping by what as makes of its keys.
func sortKeys(n *yaml.Node, as func(string) string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	type pair struct{ key, value *yaml.Node }
	var pairs []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(as(a.key.Value), as(b.key.Value)) })
	n.Content = n.Content[:0]
	for _, p := range pairs {
		n.Content = append(n.Content, p.key, p.value)
	}
}

func asYAML(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(root)
	return b.Bytes(), err
}

// asJSON writes what was read as JSON, in the order that it has now.
func asJSON(root *yaml.Node) ([]byte, error) {
	var compact, b bytes.Buffer
	if err := writeJSON(&compact, root); err != nil {
		return nil, err
	}
	if err := json.Indent(&b, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	text := func(s string) error {
		quoted, err := json.Marshal(s)
		b.Write(quoted)
		return err
	}
	opening, closing := byte('{'), byte('}')
	switch n.Kind {
	case yaml.SequenceNode:
		opening, closing = '[', ']'
	case yaml.MappingNode:
	default:
		if n.Tag == "!!str" || n.Style&yaml.DoubleQuotedStyle != 0 {
			return text(n.Value)
		}
		b.WriteString(n.Value)
		return nil
	}
	b.WriteByte(opening)
	for i := 0; i < len(n.Content); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if n.Kind == yaml.MappingNode {
			if err := text(n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			i++
		}
		if err := writeJSON(b, n.Content[i]); err != nil {
			return err
		}
	}
	b.WriteByte(closing)
	return nil
}
