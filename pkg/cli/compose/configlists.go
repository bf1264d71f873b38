package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// list tells whether names are asked for rather than the configuration.
func (o *ConfigOptions) list() bool {
	return o.Services || o.Volumes || o.Images || o.Networks || o.Models || o.ListProfile || o.Environment || o.Hash != ""
}

func (o *ConfigOptions) names(p *types.Project) []string {
	var out []string
	switch {
	case o.Services:
		out = p.ServiceNames()
	case o.Volumes:
		out = p.VolumeNames()
	case o.Networks:
		out = p.NetworkNames()
	case o.Models:
		out = p.ModelNames()
	case o.Images:
		for _, s := range p.Services {
			out = append(out, compose.ImageName(p, &s))
		}
	case o.ListProfile:
		for _, s := range p.AllServices() {
			out = append(out, s.Profiles...)
		}
		slices.Sort(out)
		return slices.Compact(out)
	case o.Environment:
		for k, v := range p.Environment {
			out = append(out, k+"="+v)
		}
	}
	slices.Sort(out)
	return out
}

func lines(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "\n") + "\n"
}

func (o *ConfigOptions) printHashes(p *types.Project) error {
	names := p.ServiceNames()
	if o.Hash != "*" {
		names = strings.Split(o.Hash, ",")
	}
	var b strings.Builder
	for _, name := range names {
		s, err := p.GetService(name)
		if err != nil {
			return err
		}
		hash, err := compose.ServiceHash(p, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s\n", name, hash)
	}
	return o.print([]byte(b.String()))
}

// printVariables lists what the files have variables for.
func (o *ConfigOptions) printVariables(model map[string]any) error {
	found := template.ExtractVariables(model, template.DefaultPattern)
	if o.Format == "json" {
		text, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			return err
		}
		return o.print(append(text, '\n'))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 20, 1, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tREQUIRED\tDEFAULT VALUE\tALTERNATE VALUE")
	for _, name := range slices.Sorted(maps.Keys(found)) {
		v := found[name]
		fmt.Fprintf(w, "%s\t%t\t%s\t%s\n", name, v.Required, v.DefaultValue, v.PresenceValue)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return o.print([]byte(b.String()))
}

// pinned is the project with the digests of its images, as registries have them.
// With lock it has nothing else: a file to be read after the others.
func (o *ConfigOptions) pinned(ctx context.Context, p *types.Project) (*types.Project, error) {
	resolver, err := o.Factory.Registry()
	if err != nil {
		return nil, err
	}
	p, err = p.WithImagesResolved(func(named reference.Named) (digest.Digest, error) {
		_, desc, err := resolver.Remote(ctx).Resolve(ctx, named.String())
		return desc.Digest, err
	})
	if err != nil || !o.LockDigests {
		return p, err
	}
	images := types.Services{}
	for name, s := range p.Services {
		images[name] = types.ServiceConfig{ContainerSpec: types.ContainerSpec{Image: s.Image}}
	}
	return &types.Project{Services: images}, nil
}
