package bake

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// model is what a Compose file says of builds, with its short forms made long.
type model struct {
	Services map[string]service     `yaml:"services"`
	Secrets  map[string]modelSecret `yaml:"secrets"`
}

type service struct {
	Image       string      `yaml:"image"`
	Build       *modelBuild `yaml:"build"`
	Environment mapping     `yaml:"environment"`
}

type modelSecret struct {
	File, Environment string
	External          any
}

type modelBuild struct {
	Context            string            `yaml:"context"`
	Dockerfile         string            `yaml:"dockerfile"`
	DockerfileInline   string            `yaml:"dockerfile_inline"`
	Args               mapping           `yaml:"args"`
	Labels             mapping           `yaml:"labels"`
	AdditionalContexts mapping           `yaml:"additional_contexts"`
	SSH                yaml.Node         `yaml:"ssh"`
	CacheFrom          []string          `yaml:"cache_from"`
	CacheTo            []string          `yaml:"cache_to"`
	NoCache            bool              `yaml:"no_cache"`
	NoCacheFilter      words             `yaml:"no_cache_filter"`
	Pull               bool              `yaml:"pull"`
	ExtraHosts         hostNames         `yaml:"extra_hosts"`
	Network            string            `yaml:"network"`
	Target             string            `yaml:"target"`
	Secrets            []modelRef        `yaml:"secrets"`
	ShmSize            string            `yaml:"shm_size"`
	Tags               []string          `yaml:"tags"`
	Ulimits            map[string]ulimit `yaml:"ulimits"`
	Platforms          []string          `yaml:"platforms"`
	Entitlements       []string          `yaml:"entitlements"`
	Provenance         string            `yaml:"provenance"`
	SBOM               string            `yaml:"sbom"`
	Bake               extension         `yaml:"x-bake"`
}

// extension is what Compose itself has no word for.
type extension struct {
	Tags          words             `yaml:"tags"`
	CacheFrom     words             `yaml:"cache-from"`
	CacheTo       words             `yaml:"cache-to"`
	Secrets       words             `yaml:"secret"`
	SSH           words             `yaml:"ssh"`
	Platforms     words             `yaml:"platforms"`
	Outputs       words             `yaml:"output"`
	NoCacheFilter words             `yaml:"no-cache-filter"`
	Contexts      map[string]string `yaml:"contexts"`
	Pull          *bool             `yaml:"pull"`
	NoCache       *bool             `yaml:"no-cache"`
}

// looksLikeCompose tells a Compose file whose name does not say so.
func looksLikeCompose(data []byte) bool {
	var m map[string]yaml.Node
	return yaml.Unmarshal(data, &m) == nil && m["services"].Kind == yaml.MappingNode
}

// addCompose adds a target for each service that is built, and a group of them.
func (d *Definition) addCompose(text []byte, lookup func(string) (string, bool)) error {
	var m model
	if err := yaml.Unmarshal(text, &m); err != nil {
		return err
	}
	group := &Group{Name: "default", Targets: []string{}}
	for _, name := range sorted(m.Services) {
		s := m.Services[name]
		if s.Build == nil {
			continue
		}
		t, err := s.target(name, m.Secrets, lookup)
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		group.Targets = append(group.Targets, t.Name)
		d.Targets = append(d.Targets, t)
	}
	d.Groups = append(d.Groups, group)
	return nil
}

// target is the build of a service. A dot in its name becomes an underscore.
func (s service) target(name string, secrets map[string]modelSecret, lookup func(string) (string, bool)) (*Target, error) {
	b := s.Build
	t := &Target{
		Name: strings.ReplaceAll(name, ".", "_"), Contexts: links(b.AdditionalContexts.plain()), Labels: mergePointers(nil, b.Labels), Tags: b.Tags,
		Platforms: b.Platforms, NoCacheFilter: b.NoCacheFilter, Entitlements: b.Entitlements, Args: map[string]*string{},
	}
	if err := checkName(t.Name); err != nil {
		return nil, fmt.Errorf("invalid service name %q: %w", t.Name, err)
	}
	for _, v := range []struct {
		to   **string
		from string
	}{
		{&t.Context, b.Context},
		{&t.Dockerfile, b.Dockerfile},
		{&t.DockerfileInline, b.DockerfileInline},
		{&t.Network, b.Network},
		{&t.Target, b.Target},
		{&t.ShmSize, b.ShmSize},
	} {
		if v.from != "" {
			*v.to = &v.from
		}
	}
	for k, v := range b.Args {
		if v == nil {
			if v = s.Environment[k]; v == nil {
				if value, ok := lookup(k); ok {
					v = &value
				}
			}
		}
		if v != nil {
			t.Args[k] = v
		}
	}
	t.Pull, t.NoCache = ifSet(b.Pull), ifSet(b.NoCache)
	if len(t.Tags) == 0 && s.Image != "" {
		t.Tags = []string{s.Image}
	}
	for _, limit := range sorted(b.Ulimits) {
		t.Ulimits = append(t.Ulimits, fmt.Sprintf("%s=%d:%d", limit, b.Ulimits[limit].Soft, b.Ulimits[limit].Hard))
	}
	t.ExtraHosts = mergePointers(nil, b.ExtraHosts)
	if err := b.lists(t, secrets); err != nil {
		return nil, err
	}
	return t, b.Bake.apply(t)
}

// lists fills in what flags take as KEY=VALUE.
func (b *modelBuild) lists(t *Target, secrets map[string]modelSecret) (err error) {
	for _, ref := range b.Secrets {
		s := secrets[ref.Source]
		if s.External != nil && s.External != false {
			return fmt.Errorf("unsupported external secret %s", ref.Source)
		}
		e := Entry{"id": ref.Source}
		if s.File != "" {
			e["src"] = s.File
		}
		if s.Environment != "" {
			e["env"] = s.Environment
		}
		t.Secrets = append(t.Secrets, e)
	}
	if t.SSH, err = sshOf(b.SSH); err != nil {
		return err
	}
	if t.CacheFrom, err = optional[cacheKind](b.CacheFrom); err != nil {
		return err
	}
	if t.CacheTo, err = optional[cacheKind](b.CacheTo); err != nil {
		return err
	}
	for kind, value := range map[string]string{"provenance": b.Provenance, "sbom": b.SBOM} {
		if value != "" {
			t.Attest = append(t.Attest, Attestation(kind, value))
		}
	}
	slices.SortFunc(t.Attest, func(a, b Entry) int { return strings.Compare(a["type"], b["type"]) })
	return nil
}

// optional is ParseList, where nothing is nil.
func optional[K kind](texts []string) (List[K], error) {
	if len(texts) == 0 {
		return nil, nil
	}
	return ParseList[K](texts)
}

// sshOf reads a list of NAME and NAME=PATH, or a map.
func sshOf(n yaml.Node) (SSHs, error) {
	if n.Kind == yaml.MappingNode {
		var m map[string]string
		if err := n.Decode(&m); err != nil {
			return nil, err
		}
		var out SSHs
		for _, id := range sorted(m) {
			e := Entry{"id": id}
			if m[id] != "" {
				e["paths"] = m[id]
			}
			out = append(out, e)
		}
		return out, nil
	}
	var list []string
	if n.Kind == yaml.SequenceNode {
		if err := n.Decode(&list); err != nil {
			return nil, err
		}
	}
	return optional[sshKind](list)
}

// apply adds the extension to a target.
func (x *extension) apply(t *Target) error {
	t.Tags = unique(append(t.Tags, x.Tags...))
	t.Platforms = unique(append(t.Platforms, x.Platforms...))
	t.NoCacheFilter = unique(append(t.NoCacheFilter, x.NoCacheFilter...))
	if x.Pull != nil {
		t.Pull = x.Pull
	}
	if x.NoCache != nil {
		t.NoCache = x.NoCache
	}
	more := links(x.Contexts)
	maps.DeleteFunc(more, func(k, _ string) bool { _, ok := t.Contexts[k]; return ok })
	t.Contexts = mergeMaps(t.Contexts, more)
	for _, add := range []func() error{
		func() error { return addTo(&t.CacheFrom, x.CacheFrom) },
		func() error { return addTo(&t.CacheTo, x.CacheTo) },
		func() error { return addTo(&t.Secrets, x.Secrets) },
		func() error { return addTo(&t.SSH, x.SSH) },
		func() error { return addTo(&t.Outputs, x.Outputs) },
	} {
		if err := add(); err != nil {
			return fmt.Errorf("x-bake: %w", err)
		}
	}
	return nil
}

func addTo[K kind](list *List[K], texts []string) error {
	some, err := ParseList[K](texts)
	if err == nil && len(some) > 0 {
		*list = list.merge(some)
	}
	return err
}

// links has the image of another service as the result of its target.
func links(in map[string]string) map[string]string {
	var out map[string]string
	for k, v := range in {
		for _, prefix := range []string{"service:", linkPrefix} {
			if name, ok := strings.CutPrefix(v, prefix); ok {
				v = linkPrefix + strings.ReplaceAll(name, ".", "_")
				break
			}
		}
		out = mergeMaps(out, map[string]string{k: v})
	}
	return out
}

func ifSet(on bool) *bool {
	if !on {
		return nil
	}
	return &on
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
