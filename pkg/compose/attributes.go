package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// State is what nerd does about an attribute.
type State int

// The states of attributes.
const (
	Works    State = iota
	NoEffect       // it means nothing on one machine; a warning says so
	Refused        // an error, or with --lenient a warning
)

// Attribute is a line of the table in docs/compose.md, which is made of this list.
type Attribute struct {
	// Path is where it stands, "services.deploy.placement": names that users
	// choose are left out.
	Path  string
	State State
	Note  string // why, or how it differs; one sentence without a full stop
}

// Attributes are those of the Compose specification.
func Attributes() []Attribute { return slices.Clone(attributes) }

// check refuses what cannot be honoured, and warns of what has no effect. It
// converts every service once, so that errors come before anything is done.
func check(p *types.Project, o *LoadOptions, files []types.ConfigFile) (*types.Project, error) {
	var errs []error
	model, err := projectModel(p)
	if err != nil {
		return nil, err
	}
	for _, a := range attributes {
		if a.State == Works {
			continue
		}
		for _, found := range find(model, nil, steps(a.Path)) {
			text := fmt.Sprintf("%s%s: %s", place(files, found...), strings.Join(found, "."), a.Note)
			if a.State == NoEffect || o.Lenient {
				o.warn("%s", text)
				continue
			}
			errs = append(errs, errors.New(text))
		}
	}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if s.Provider != nil {
			continue
		}
		if _, err := (&converter{project: p}).convert(&s, 1); err != nil {
			errs = append(errs, placed(files, name, err))
		}
	}
	errs = append(errs, checkNames(p, files)...)
	errs = append(errs, checkPorts(p, files)...)
	return p, errors.Join(errs...)
}

// placed puts file and line before an error about an attribute.
func placed(files []types.ConfigFile, service string, err error) error {
	var a *AttributeError
	if !errors.As(err, &a) {
		return err
	}
	path := append([]string{"services", service}, splitPath(a.Attribute)...)
	return fmt.Errorf("%s%w", place(files, path...), err)
}

// projectModel is the project as it would be written, where attributes that were
// not given are missing.
func projectModel(p *types.Project) (map[string]any, error) {
	text, err := p.MarshalYAML()
	if err != nil {
		return nil, err
	}
	var model map[string]any
	return model, yaml.Unmarshal(text, &model)
}

// steps are the keys of an attribute's path, with "*" for the names that users
// choose.
func steps(path string) []string {
	parts := strings.Split(path, ".")
	if len(parts) == 1 {
		return parts
	}
	switch parts[0] {
	case "services", "networks", "volumes", "secrets", "configs":
		parts = slices.Insert(parts, 1, "*")
	}
	if len(parts) > 3 && parts[0] == "services" && slices.Contains([]string{"networks", "volumes", "ports", "secrets", "configs", "gpus"}, parts[2]) {
		parts = slices.Insert(parts, 3, "*")
	}
	return parts
}

// find lists the paths in v that match.
func find(v any, at, path []string) [][]string {
	if len(path) == 0 {
		if empty(v) {
			return nil
		}
		return [][]string{slices.Clone(at)}
	}
	var out [][]string
	walk := func(key string, child any) {
		if path[0] == "*" || path[0] == key {
			out = append(out, find(child, append(at, key), path[1:])...)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			walk(key, v[key])
		}
	case []any:
		for i, child := range v {
			walk(fmt.Sprint(i), child)
		}
	}
	return out
}
