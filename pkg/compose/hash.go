package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ServiceHash identifies the configuration of a service's containers: it changes
// when, and only when, they have to be made anew. What is about their number or
// order, or only about getting the image, is left out.
func ServiceHash(p *types.Project, s types.ServiceConfig) (string, error) {
	attributes, err := attributeMap(p, s)
	if err != nil {
		return "", err
	}
	return hashOf(attributes)
}

// attributeMap is the configuration that counts, by attribute. encoding/json
// writes maps in the order of their keys, so equal configurations give equal text.
func attributeMap(p *types.Project, s types.ServiceConfig) (map[string]any, error) {
	s.Build, s.PullPolicy, s.Scale, s.DependsOn, s.Profiles, s.Develop, s.Attach = nil, "", nil, nil, nil, nil, nil
	s.EnvFiles, s.LabelFiles, s.PullRefreshAfter = nil, nil, "" // their content is in environment and labels
	s.PostStart, s.PreStop = nil, nil                           // take effect without a new container
	if s.Deploy != nil {
		d := *s.Deploy
		d.Mode, d.Replicas, d.UpdateConfig, d.RollbackConfig = "", nil, nil, nil
		s.Deploy = &d
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	if err := normalize(out); err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	if content := contentOf(p, s); len(content) > 0 {
		out["content of secrets and configs"] = content
	}
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) { // a renamed network is another one
		if n, ok := p.Networks[name]; ok {
			out["network "+name] = n.Name
		}
	}
	for _, v := range s.Volumes {
		if vol, ok := p.Volumes[v.Source]; ok && v.Type == types.VolumeTypeVolume {
			out["volume "+v.Source] = vol.Name
		}
	}
	return out, nil
}

// sets are the attributes whose values have no order.
var sets = []string{"cap_add", "cap_drop", "configs", "device_cgroup_rules", "expose", "group_add", "ports", "secrets", "tmpfs", "volumes"}

// normalize leaves out what says nothing and orders what has no order. What users
// name, such as a variable that is empty, is something.
func normalize(attributes map[string]any) error {
	if deploy, ok := attributes["deploy"].(map[string]any); ok {
		maps.DeleteFunc(deploy, func(_ string, v any) bool { return empty(v) })
	}
	maps.DeleteFunc(attributes, func(_ string, v any) bool { return empty(v) })
	if networks, ok := attributes["networks"].(map[string]any); ok {
		for name, v := range networks {
			if v == nil {
				networks[name] = map[string]any{}
			}
		}
	}
	for _, name := range sets {
		list, _ := attributes[name].([]any)
		texts := map[int]string{}
		order := make([]int, len(list))
		for i, v := range list {
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			order[i], texts[i] = i, string(text)
		}
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(texts[a], texts[b]) })
		sorted := make([]any, len(list))
		for i, from := range order {
			sorted[i] = list[from]
		}
		if len(list) > 0 {
			attributes[name] = sorted
		}
	}
	return nil
}

// empty tells whether an attribute says nothing, as one that was not given.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

// contentOf is what is written into containers when they are made, hashed: a
// secret must not come to light in a label.
func contentOf(p *types.Project, s types.ServiceConfig) map[string]string {
	out := map[string]string{}
	for _, ref := range s.Secrets {
		if f := types.FileObjectConfig(p.Secrets[ref.Source]); f.File == "" {
			out["secret "+ref.Source] = digestOf([]byte(f.Content + p.Environment[f.Environment]))
		} else {
			out["secret "+ref.Source] = f.File
		}
	}
	for _, ref := range s.Configs {
		if f := types.FileObjectConfig(p.Configs[ref.Source]); f.File == "" {
			out["config "+ref.Source] = digestOf([]byte(f.Content + p.Environment[f.Environment]))
		} else {
			out["config "+ref.Source] = f.File
		}
	}
	return out
}

func hashOf(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return digestOf(text), nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// attributesLabel holds the hash of each attribute, shortened: "image=1a2b3c4d ...".
func attributesLabel(attributes map[string]any) (string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		h, err := hashOf(attributes[name])
		if err != nil {
			return "", err
		}
		out = append(out, strings.ReplaceAll(name, " ", "\u00a0")+"="+h[:8])
	}
	return strings.Join(out, " "), nil
}

// changedAttributes names what differs between two labels of attributesLabel.
func changedAttributes(old, now string) []string {
	parse := func(label string) map[string]string {
		m := map[string]string{}
		for _, f := range strings.Split(label, " ") {
			k, v, _ := strings.Cut(f, "=")
			m[strings.ReplaceAll(k, "\u00a0", " ")] = v
		}
		return m
	}
	before, after := parse(old), parse(now)
	var out []string
	for name := range before {
		if before[name] != after[name] {
			out = append(out, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
