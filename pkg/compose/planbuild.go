package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// BuildChoice says which images a command builds.
type BuildChoice struct {
	All   bool // --build: of every service that says how
	Never bool // --no-build
}

// PlanBuilds says which images have to be built, those first that others are made
// of. What else there is to be got, PlanImages says.
func PlanBuilds(p *types.Project, o *Observed, choice BuildChoice) *Plan {
	plan := &Plan{}
	if choice.Never {
		return plan
	}
	reasons := map[string]string{}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if reason := whyBuild(p, o, &s, choice.All); reason != "" {
			reasons[name] = reason
		}
	}
	builder := &buildPlan{Plan: plan, p: p, reasons: reasons, steps: map[string]int{}, images: map[string]int{}}
	for _, name := range p.ServiceNames() {
		builder.visit(name, nil)
	}
	return plan
}

func whyBuild(p *types.Project, o *Observed, s *types.ServiceConfig, all bool) string {
	if s.Build == nil || s.Provider != nil {
		return ""
	}
	_, here := o.Images[ImageName(p, s)]
	switch {
	case all:
		return "it was asked for"
	case s.PullPolicy == types.PullPolicyBuild:
		return "the pull policy is build"
	case !here:
		return "it is not there"
	}
	return ""
}

// buildPlan orders builds.
type buildPlan struct {
	*Plan
	p       *types.Project
	reasons map[string]string
	steps   map[string]int // by service
	images  map[string]int // by name of the image: two services may share one
}

// visit adds the build of a service after those of the images that it is made of.
// Two that are made of each other are built as they come.
func (b *buildPlan) visit(name string, trail []string) (int, bool) {
	reason, wanted := b.reasons[name]
	if id, ok := b.steps[name]; ok || !wanted || slices.Contains(trail, name) {
		return id, ok
	}
	s := b.p.Services[name]
	ref := ImageName(b.p, &s)
	var needs []int
	if id, ok := b.images[ref]; ok { // the last one wins, as it would by hand
		needs = append(needs, id)
	}
	for _, other := range b.p.ServiceNames() {
		if other == name || !usesImage(b.p, &s, other) {
			continue
		}
		if id, ok := b.visit(other, append(trail, name)); ok {
			needs = append(needs, id)
		}
	}
	id := b.add(Action{Kind: BuildImage, Name: ref, Service: &s, Reason: reason, Needs: needs})
	b.steps[name], b.images[ref] = id, id
	return id, true
}

// WithBuildContexts adds to services those whose images theirs are made of.
func WithBuildContexts(p *types.Project, names []string) []string {
	out := slices.Clone(names)
	for i := 0; i < len(out); i++ {
		s, err := p.GetService(out[i])
		if err != nil || s.Build == nil {
			continue
		}
		for _, other := range p.ServiceNames() {
			if !slices.Contains(out, other) && usesImage(p, &s, other) {
				out = append(out, other)
			}
		}
	}
	return out
}

// usesImage tells whether the build of a service is made of the image of another
// one: by a named context, or because the Dockerfile or an argument names it. A
// name that only looks like it costs no more than an order.
func usesImage(p *types.Project, s *types.ServiceConfig, other string) bool {
	for _, value := range s.Build.AdditionalContexts {
		if value == types.ServicePrefix+other {
			return true
		}
	}
	sibling, err := p.GetService(other)
	if err != nil || sibling.Build == nil {
		return false
	}
	ref := ImageName(p, &sibling)
	for _, v := range s.Build.Args {
		if v != nil && *v == ref {
			return true
		}
	}
	return strings.Contains(dockerfileText(s.Build), ref)
}

// dockerfileText is the text of a Dockerfile that is on this machine.
func dockerfileText(b *types.BuildConfig) string {
	if b.DockerfileInline != "" || remote(b.Context) {
		return b.DockerfileInline
	}
	file := orElse(b.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.Context, file)
	}
	f, err := os.Open(file)
	if err != nil {
		return "" // the builder says so
	}
	defer f.Close()
	content, err := readAll(f, file)
	if err != nil {
		return ""
	}
	return string(content)
}
