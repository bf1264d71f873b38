package bake

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// change is one --set of a target: FIELD[.KEY][+]=VALUE.
type change struct {
	field, key string
	values     []string
	add        bool // to what is there
}

// lists are the fields that --set may give several values, or add to.
var lists = []string{
	"output", "cache-to", "cache-from", "tags", "platform", "secrets", "ssh", "attest", "entitlements",
	"annotations", "no-cache-filter", "ulimits", "policy",
}

// keyed are the fields of which --set changes one key.
var keyed = []string{"args", "contexts", "labels", "extra-hosts", "resources", "secret"}

// parseSet reads TARGET.FIELD=VALUE, where the target may be a pattern.
func (d *Definition) parseSet(texts []string) (map[string][]change, error) {
	out := map[string][]change{}
	for _, text := range texts {
		left, value, given := strings.Cut(text, "=")
		left, add := strings.CutSuffix(left, "+")
		parts := strings.SplitN(left, ".", 3)
		if len(parts) < 2 {
			return nil, fmt.Errorf("invalid override key %s, expected target.name", left)
		}
		c := change{field: parts[1], add: add, values: []string{value}}
		if len(parts) == 3 {
			c.key = parts[2]
		}
		if !given && c.field != "args" {
			return nil, fmt.Errorf("invalid override %s, expected target.name=value", text)
		}
		if !given { // it is the variable's, and nothing if there is none
			if c.values[0], given = d.lookup(c.key); !given {
				continue
			}
		}
		if slices.Contains(keyed, c.field) && c.key == "" {
			return nil, fmt.Errorf("invalid key %s, %s requires name", left, c.field)
		}
		names, err := d.matchTargets(parts[0])
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			out[name] = join(out[name], c)
		}
	}
	return out, nil
}

// join makes one change of several that give values to one list.
func join(all []change, c change) []change {
	if slices.Contains(lists, c.field) {
		i := slices.IndexFunc(all, func(o change) bool { return o.field == c.field })
		if i >= 0 {
			all[i].values = append(slices.Clip(all[i].values), c.values...)
			all[i].add = c.add
			return all
		}
	}
	return append(all, c)
}

// matchTargets finds the targets of a pattern; groups are not among them.
func (d *Definition) matchTargets(pattern string) ([]string, error) {
	if d.target(pattern) != nil {
		return []string{pattern}, nil
	}
	var out []string
	for _, t := range d.Targets {
		ok, err := path.Match(pattern, t.Name)
		if err != nil {
			return nil, fmt.Errorf("could not match targets with '%s': %w", pattern, err)
		}
		if ok {
			out = append(out, t.Name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("could not find any target matching '%s'", pattern)
	}
	return out, nil
}

// apply changes a target.
func (c change) apply(t *Target) error {
	value := c.values[len(c.values)-1]
	switch c.field {
	case "context":
		t.Context = &value
	case "dockerfile":
		t.Dockerfile = &value
	case "target":
		t.Target = &value
	case "call":
		t.Call = &value
	case "network":
		t.Network = &value
	case "shm-size":
		t.ShmSize = &value
	case "args":
		t.Args = mergePointers(t.Args, map[string]*string{c.key: &value})
	case "labels":
		t.Labels = mergePointers(t.Labels, map[string]*string{c.key: &value})
	case "extra-hosts":
		t.ExtraHosts = mergePointers(t.ExtraHosts, map[string]*string{c.key: &value})
	case "contexts":
		t.Contexts = mergeMaps(t.Contexts, map[string]string{c.key: value})
	case "secret":
		return c.applySecret(t, value)
	case "pull", "no-cache", "push", "load":
		return c.applySwitch(t, value)
	case "resources", "policy":
		return fmt.Errorf("target %s: %s is an experiment of buildx and not supported: leave it out", t.Name, c.field)
	default:
		return c.applyList(t)
	}
	return nil
}

func (c change) applySwitch(t *Target, value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("invalid value %s for boolean key %s", value, c.field)
	}
	switch c.field {
	case "pull":
		t.Pull = &on
	case "no-cache":
		t.NoCache = &on
	case "push":
		t.Outputs = pushed(t.Outputs, on)
	case "load":
		if on {
			t.Outputs = loaded(t.Outputs)
		}
	}
	return nil
}

// applySecret says where a secret of the target comes from.
func (c change) applySecret(t *Target, value string) error {
	some, err := secretKind{}.parse(value)
	if err != nil {
		return err
	}
	next := some[0]
	if next["id"] != "" && next["id"] != c.key {
		return fmt.Errorf("secret override id %q does not match declared secret %q", next["id"], c.key)
	}
	i := slices.IndexFunc(t.Secrets, func(e Entry) bool { return e["id"] == c.key })
	if i < 0 {
		return fmt.Errorf("secret %q must be declared before it can be overridden", c.key)
	}
	next["id"] = c.key
	t.Secrets = slices.Clone(t.Secrets)
	t.Secrets[i] = next
	return nil
}

func (c change) applyList(t *Target) error {
	switch c.field {
	case "tags":
		c.texts(&t.Tags)
	case "platform":
		c.texts(&t.Platforms)
	case "no-cache-filter":
		c.texts(&t.NoCacheFilter)
	case "ulimits":
		c.texts(&t.Ulimits)
	case "entitlements":
		t.Entitlements = append(t.Entitlements, c.values...)
	case "annotations":
		t.Annotations = append(t.Annotations, c.values...)
	case "cache-from":
		return setList(&t.CacheFrom, c)
	case "cache-to":
		return setList(&t.CacheTo, c)
	case "output":
		return setList(&t.Outputs, c)
	case "secrets":
		return setList(&t.Secrets, c)
	case "ssh":
		return setList(&t.SSH, c)
	case "attest":
		some, err := ParseList[attestKind](c.values)
		t.Attest = t.Attest.mergeBy(some, "type")
		return err
	default:
		return fmt.Errorf("unknown key: %s", c.field)
	}
	return nil
}

func (c change) texts(list *[]string) {
	if c.add {
		*list = append(slices.Clip(*list), c.values...)
		return
	}
	*list = c.values
}

func setList[K kind](list *List[K], c change) error {
	some, err := ParseList[K](c.values)
	if err != nil {
		return fmt.Errorf("invalid value for %s: %w", c.field, err)
	}
	if c.add {
		some = list.merge(some)
	}
	*list = some
	return nil
}

// pushed has the result sent to its registry, or not. A target whose results go
// elsewhere stays as it is.
func pushed(outputs Outputs, on bool) Outputs {
	var out Outputs
	elsewhere := false
	for _, o := range outputs {
		o = mergeMaps(Entry{}, o)
		switch {
		case !on && o["type"] == "registry":
			continue
		case o["type"] == "image":
			o["push"] = strconv.FormatBool(on)
		}
		elsewhere = elsewhere || o["type"] != "docker"
		out = append(out, o)
	}
	if on && !elsewhere {
		out = append(out, Entry{"type": "image", "push": "true"})
	}
	return out
}

// loaded has the result in the image store, unless it goes to files.
func loaded(outputs Outputs) Outputs {
	for _, o := range outputs {
		switch o["type"] {
		case "docker":
			if o["dest"] == "" {
				return outputs
			}
		case "image", "registry", "oci":
		default:
			return outputs
		}
	}
	return append(slices.Clip(outputs), Entry{"type": "docker"})
}
