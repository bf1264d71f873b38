package bake

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Group is a name for several targets and groups.
type Group struct {
	Name        string   `json:"-" hcl:"name,label" cty:"name"`
	Description string   `json:"description,omitempty" hcl:"description,optional" cty:"description"`
	Targets     []string `json:"targets" hcl:"targets" cty:"targets"`
}

// Target is one build. Its fields are those of a bake file, and in this order and
// these names it is printed. Nil and empty are not said.
type Target struct {
	Name        string `json:"-" hcl:"name,label" cty:"name"`
	Description string `json:"description,omitempty" hcl:"description,optional" cty:"description"`

	Inherits         []string           `json:"inherits,omitempty" hcl:"inherits,optional" cty:"inherits"`
	Annotations      []string           `json:"annotations,omitempty" hcl:"annotations,optional" cty:"annotations"`
	Attest           Attests            `json:"attest,omitempty" hcl:"attest,optional" cty:"attest"`
	Context          *string            `json:"context,omitempty" hcl:"context,optional" cty:"context"`
	Contexts         map[string]string  `json:"contexts,omitempty" hcl:"contexts,optional" cty:"contexts"`
	Dockerfile       *string            `json:"dockerfile,omitempty" hcl:"dockerfile,optional" cty:"dockerfile"`
	DockerfileInline *string            `json:"dockerfile-inline,omitempty" hcl:"dockerfile-inline,optional" cty:"dockerfile-inline"`
	Args             map[string]*string `json:"args,omitempty" hcl:"args,optional" cty:"args"`
	Labels           map[string]*string `json:"labels,omitempty" hcl:"labels,optional" cty:"labels"`
	Tags             []string           `json:"tags,omitempty" hcl:"tags,optional" cty:"tags"`
	CacheFrom        Caches             `json:"cache-from,omitempty" hcl:"cache-from,optional" cty:"cache-from"`
	CacheTo          Caches             `json:"cache-to,omitempty" hcl:"cache-to,optional" cty:"cache-to"`
	Target           *string            `json:"target,omitempty" hcl:"target,optional" cty:"target"`
	Secrets          Secrets            `json:"secret,omitempty" hcl:"secret,optional" cty:"secret"`
	SSH              SSHs               `json:"ssh,omitempty" hcl:"ssh,optional" cty:"ssh"`
	Platforms        []string           `json:"platforms,omitempty" hcl:"platforms,optional" cty:"platforms"`
	Outputs          Outputs            `json:"output,omitempty" hcl:"output,optional" cty:"output"`
	Pull             *bool              `json:"pull,omitempty" hcl:"pull,optional" cty:"pull"`
	NoCache          *bool              `json:"no-cache,omitempty" hcl:"no-cache,optional" cty:"no-cache"`
	Network          *string            `json:"network,omitempty" hcl:"network,optional" cty:"network"`
	NoCacheFilter    []string           `json:"no-cache-filter,omitempty" hcl:"no-cache-filter,optional" cty:"no-cache-filter"`
	ShmSize          *string            `json:"shm-size,omitempty" hcl:"shm-size,optional" cty:"shm-size"`
	Ulimits          []string           `json:"ulimits,omitempty" hcl:"ulimits,optional" cty:"ulimits"`
	Resources        map[string]string  `json:"resources,omitempty" hcl:"resources,optional" cty:"resources"`
	Call             *string            `json:"call,omitempty" hcl:"call,optional" cty:"call"`
	Entitlements     []string           `json:"entitlements,omitempty" hcl:"entitlements,optional" cty:"entitlements"`
	ExtraHosts       map[string]*string `json:"extra-hosts,omitempty" hcl:"extra-hosts,optional" cty:"extra-hosts"`
	Policy           []string           `json:"policy,omitempty" hcl:"policy,optional" cty:"policy"`

	// Linked is a target that was not asked for: another takes its result as a
	// named context, and that is all that becomes of it.
	Linked bool `json:"-"`
}

// check refuses what no build here can do, by the name of the attribute.
func (t *Target) check() error {
	if len(t.Policy) > 0 {
		return fmt.Errorf("target %s: policy is an experiment of buildx and not supported: leave it out", t.Name)
	}
	if len(t.Resources) > 0 {
		return fmt.Errorf("target %s: resources is an experiment of buildx and not supported: leave it out", t.Name)
	}
	return nil
}

// MarshalJSON writes the target so that it can be read as a definition again:
// what looks like a template is quoted.
func (t *Target) MarshalJSON() ([]byte, error) {
	type plain Target // without this method
	out := plain(*t)
	out.Annotations = nil
	for _, s := range t.Annotations {
		out.Annotations = append(out.Annotations, quote(s))
	}
	if t.DockerfileInline != nil {
		inline := quote(*t.DockerfileInline)
		out.DockerfileInline = &inline
	}
	out.Args, out.Labels, out.ExtraHosts = quoteMap(t.Args), quoteMap(t.Labels), quoteMap(t.ExtraHosts)
	return json.Marshal(out)
}

func quote(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

func quoteMap(in map[string]*string) map[string]*string {
	out := maps.Clone(in)
	for k, v := range out {
		if v != nil {
			quoted := quote(*v)
			out[k] = &quoted
		}
	}
	return out
}

// Merge adds what another block says, which counts before what this one says.
// The parser calls it by its name.
func (t *Target) Merge(o *Target) {
	if o.Description != "" {
		t.Description = o.Description
	}
	t.mergeValues(o)
	t.Args = mergePointers(t.Args, o.Args)
	t.Labels = mergePointers(t.Labels, o.Labels)
	t.ExtraHosts = mergePointers(t.ExtraHosts, o.ExtraHosts)
	t.Contexts = mergeMaps(t.Contexts, o.Contexts)
	t.Resources = mergeMaps(t.Resources, o.Resources)
	// These take the place of what was there,
	replace(&t.Tags, o.Tags)
	replace(&t.Platforms, o.Platforms)
	replace(&t.CacheTo, o.CacheTo)
	replace(&t.Outputs, o.Outputs)
	// and these are added to it.
	t.Inherits = append(t.Inherits, o.Inherits...)
	t.Annotations = append(t.Annotations, o.Annotations...)
	t.NoCacheFilter = append(t.NoCacheFilter, o.NoCacheFilter...)
	t.Ulimits = append(t.Ulimits, o.Ulimits...)
	t.Entitlements = append(t.Entitlements, o.Entitlements...)
	t.Policy = append(t.Policy, o.Policy...)
	t.CacheFrom = t.CacheFrom.merge(o.CacheFrom)
	t.Secrets = t.Secrets.merge(o.Secrets)
	t.SSH = t.SSH.merge(o.SSH)
	t.Attest = t.Attest.mergeBy(o.Attest, "type")
}

func (t *Target) mergeValues(o *Target) {
	for _, v := range []struct{ to, from **string }{
		{&t.Context, &o.Context},
		{&t.Dockerfile, &o.Dockerfile},
		{&t.DockerfileInline, &o.DockerfileInline},
		{&t.Target, &o.Target},
		{&t.Call, &o.Call},
		{&t.Network, &o.Network},
		{&t.ShmSize, &o.ShmSize},
	} {
		if *v.from != nil {
			*v.to = *v.from
		}
	}
	if o.Pull != nil {
		t.Pull = o.Pull
	}
	if o.NoCache != nil {
		t.NoCache = o.NoCache
	}
}

func replace[S ~[]E, E any](to *S, from S) {
	if from != nil {
		*to = from
	}
}

// mergePointers joins maps; a nil leaves what was there.
func mergePointers(to, from map[string]*string) map[string]*string {
	for k, v := range from {
		if v == nil {
			continue
		}
		if to == nil {
			to = map[string]*string{}
		}
		to[k] = v
	}
	return to
}

func mergeMaps(to, from map[string]string) map[string]string {
	if len(from) > 0 && to == nil {
		to = map[string]string{}
	}
	maps.Copy(to, from)
	return to
}

// normalize removes what is said twice or said to be nothing.
func (t *Target) normalize() {
	for _, list := range []*[]string{&t.Annotations, &t.Tags, &t.Platforms, &t.NoCacheFilter, &t.Ulimits} {
		*list = unique(*list)
	}
	if t.Network != nil && *t.Network == "host" {
		t.Entitlements = append(t.Entitlements, NetworkHost)
	}
	t.Entitlements = unique(t.Entitlements)
	maps.DeleteFunc(t.Contexts, func(_, v string) bool { return v == "" })
	if len(t.Contexts) == 0 {
		t.Contexts = nil
	}
}

// clone is a copy whose lists and maps are its own.
func (t *Target) clone() *Target {
	out := &Target{}
	out.Merge(t)
	out.Name = t.Name
	return out
}
