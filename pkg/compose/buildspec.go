package compose

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// BuildOptions are what a command says about builds beside the file.
type BuildOptions struct {
	Args             types.MappingWithEquals // NAME without a value takes that of the environment
	NoCache, Pull    bool
	SSH              []string // as `ssh` of the file
	Provenance, SBOM string
	// Here builds for the machine that the containers are to run on, whatever
	// platforms the file lists.
	Here bool
}

// BuildSpec says how the image of a service is built. The labels that Docker
// Compose gives to images tell which project made one.
func BuildSpec(p *types.Project, s *types.ServiceConfig, o BuildOptions, version string) (*spec.Options, error) {
	b := &imageBuild{p: p, s: s, from: s.Build, flags: o}
	b.out = &spec.Options{
		Context: s.Build.Context, Env: b.env, Target: s.Build.Target, Network: s.Build.Network, NoCache: s.Build.NoCache || o.NoCache,
		NoCacheFilter: s.Build.NoCacheFilter, Pull: s.Build.Pull || o.Pull, ShmSize: int64(s.Build.ShmSize), Allow: slices.Clone(s.Build.Entitlements),
		Attest: map[string]string{},
	}
	if s.Build.Privileged && !slices.Contains(b.out.Allow, insecure) {
		b.out.Allow = append(b.out.Allow, insecure)
	}
	b.out.Labels = map[string]string{LabelProject: p.Name, LabelService: s.Name, LabelVersion: version}
	for k, v := range s.Build.Labels {
		b.out.Labels[k] = v
	}
	b.dockerfile()
	b.arguments()
	for _, step := range []struct {
		attribute string
		run       func() error
	}{
		{"isolation", b.isolation},
		{"tags", b.tags},
		{"platforms", b.platforms},
		{"additional_contexts", b.contexts},
		{"extra_hosts", b.hosts},
		{"ulimits", b.ulimits},
		{"secrets", b.secrets},
		{"ssh", b.ssh},
		{"cache_from", b.caches},
		{"provenance", b.attestations},
	} {
		if err := step.run(); err != nil {
			return nil, &AttributeError{s.Name, "build." + step.attribute, err}
		}
	}
	return b.out, nil
}

// insecure is the entitlement of a step with all rights.
const insecure = "security.insecure"

// imageBuild is a build on its way from the file to the builder.
type imageBuild struct {
	p     *types.Project
	s     *types.ServiceConfig
	from  *types.BuildConfig
	flags BuildOptions
	out   *spec.Options
}

// env is the environment of the project: the caller's, and the files of --env-file.
func (b *imageBuild) env(name string) (string, bool) {
	v, ok := b.p.Environment[name]
	return v, ok
}

// dockerfile names the Dockerfile as the builder does: from the current folder on,
// or for a context that is fetched from there on.
func (b *imageBuild) dockerfile() {
	file := b.from.Dockerfile
	switch {
	case b.from.DockerfileInline != "":
		b.out.File, b.out.Stdin = "-", strings.NewReader(b.from.DockerfileInline)
	case file == "" || file == "Dockerfile" && !remote(b.from.Context):
		// The default, in its two spellings.
	case filepath.IsAbs(file) || remote(b.from.Context):
		b.out.File = file
	default:
		b.out.File = filepath.Join(b.from.Context, file)
	}
}

func (b *imageBuild) arguments() {
	b.out.BuildArgs = map[string]string{}
	args := types.MappingWithEquals{}.OverrideBy(b.from.Args).OverrideBy(b.flags.Args)
	for k, v := range args {
		if v != nil {
			b.out.BuildArgs[k] = *v
		} else if value, ok := b.env(k); ok {
			b.out.BuildArgs[k] = value
		}
	}
}

func (b *imageBuild) isolation() error {
	if b.from.Isolation != "" && b.from.Isolation != "default" {
		return fmt.Errorf("%q is of Windows containers", b.from.Isolation)
	}
	return nil
}

func (b *imageBuild) tags() error {
	for _, text := range append([]string{ImageName(b.p, b.s)}, b.from.Tags...) {
		tag, err := spec.ParseTag(text)
		if err != nil {
			return err
		}
		if !slices.Contains(b.out.Tags, tag) {
			b.out.Tags = append(b.out.Tags, tag)
		}
	}
	return nil
}

// platforms are those of the file, unless one is asked for by the environment. The
// service's own has to be among them.
func (b *imageBuild) platforms() error {
	listed := b.from.Platforms
	fits := func(name string) bool { return len(listed) == 0 || slices.Contains(listed, name) }
	if name, ok := b.env("DOCKER_DEFAULT_PLATFORM"); ok && name != "" {
		if !fits(name) {
			return fmt.Errorf("they do not support the value of DOCKER_DEFAULT_PLATFORM: %s", name)
		}
		b.out.Platforms = []string{name}
		return nil
	}
	switch own := b.s.Platform; {
	case own != "" && !fits(own):
		return fmt.Errorf("they do not have the platform of the service, %s", own)
	case own != "" && (b.flags.Here || len(listed) == 0):
		b.out.Platforms = []string{own}
	case !b.flags.Here:
		b.out.Platforms = listed
	}
	return nil
}

// contexts are the named ones; `service:NAME` is the image of that service, which
// is built before.
func (b *imageBuild) contexts() error {
	b.out.Contexts = map[string]string{}
	for _, name := range spec.Names(b.from.AdditionalContexts) {
		value := b.from.AdditionalContexts[name]
		if other, ok := strings.CutPrefix(value, types.ServicePrefix); ok {
			s, err := b.p.GetService(other)
			if err != nil {
				return err
			}
			value = "docker-image://" + ImageName(b.p, &s)
		}
		named, err := spec.ParseContextNames([]string{name + "=" + value})
		if err != nil {
			return err
		}
		for k, v := range named {
			b.out.Contexts[k] = v
		}
	}
	return nil
}

func (b *imageBuild) hosts() error {
	lines := b.from.ExtraHosts.AsList("=")
	slices.Sort(lines)
	var err error
	b.out.AddHosts, err = spec.ParseHosts(lines)
	return err
}

func (b *imageBuild) ulimits() error {
	for _, name := range sortedKeys(b.from.Ulimits) {
		u := b.from.Ulimits[name]
		soft, hard := u.Soft, u.Hard
		if u.Single != 0 {
			soft, hard = u.Single, u.Single
		}
		b.out.Ulimits = append(b.out.Ulimits, fmt.Sprintf("%s=%d:%d", name, soft, hard))
	}
	return nil
}

// secrets are those of the project, under the name that the service gives them.
func (b *imageBuild) secrets() error {
	for _, ref := range b.from.Secrets {
		id := ref.Target
		if id == "" {
			id = ref.Source
		}
		f, ok := b.p.Secrets[ref.Source]
		switch {
		case !ok:
			return fmt.Errorf("the project has no secret %q", ref.Source)
		case f.Environment != "":
			value, ok := b.env(f.Environment)
			if !ok {
				return fmt.Errorf("environment variable %q required by secret %q is not set", f.Environment, ref.Source)
			}
			b.out.Secrets = append(b.out.Secrets, spec.Secret{ID: id, Env: f.Environment, Value: []byte(value)})
		case f.File != "":
			b.out.Secrets = append(b.out.Secrets, spec.Secret{ID: id, File: f.File})
		default:
			return fmt.Errorf("secret %q has neither a file nor an environment variable", ref.Source)
		}
	}
	return nil
}

func (b *imageBuild) ssh() error {
	var texts []string
	for _, key := range b.from.SSH {
		text := key.ID
		if key.Path != "" {
			text += "=" + key.Path
		}
		texts = append(texts, text)
	}
	slices.Sort(texts) // the loader gives them in any order
	for _, text := range append(texts, b.flags.SSH...) {
		agent, err := spec.ParseSSH(text)
		if err != nil {
			return err
		}
		b.out.SSH = append(b.out.SSH, agent)
	}
	return nil
}

func (b *imageBuild) caches() error {
	for _, side := range []struct {
		in  []string
		out *[]spec.Cache
	}{{b.from.CacheFrom, &b.out.CacheFrom}, {b.from.CacheTo, &b.out.CacheTo}} {
		for _, text := range side.in {
			cache, err := spec.ParseCache(text)
			if err != nil {
				return err
			}
			*side.out = append(*side.out, cache)
		}
	}
	return nil
}

// attestations are on by their attributes, or by a word for yes.
func (b *imageBuild) attestations() error {
	for kind, value := range map[string]string{
		"provenance": orElse(b.flags.Provenance, b.from.Provenance), "sbom": orElse(b.flags.SBOM, b.from.SBOM),
	} {
		on, err := strconv.ParseBool(value)
		switch {
		case value == "" || err == nil && !on:
		case err == nil:
			b.out.Attest[kind] = ""
		default:
			_, attrs, err := spec.ParseAttest("type=" + kind + "," + value)
			if err != nil {
				return err
			}
			b.out.Attest[kind] = attrs
		}
	}
	return nil
}

// orElse is the first text unless it is empty.
func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}
