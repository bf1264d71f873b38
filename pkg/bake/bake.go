// Package bake reads definitions of several builds, in HCL, JSON or Compose files,
// and says what each target of them is. It is pure: it reads no file, no variable
// of the environment and builds nothing. Variables, functions and matrices are
// evaluated by buildx's own parser; the rest of that package would bring a hundred
// modules and several milliseconds of each start.
package bake

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/buildx/bake/hclparser"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
)

// DefaultFiles are those that are read if none is named, in this order: a later
// one adds to the targets of an earlier one.
func DefaultFiles() []string {
	return []string{
		"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
		"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
	}
}

// File is a definition with its name, which decides how it is read.
type File struct {
	Name string
	Data []byte
}

// IsCompose tells whether a file is a Compose file by its name, or by its content
// if the name does not say, as that of standard input.
func (f File) IsCompose() bool {
	switch name := strings.ToLower(f.Name); {
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return true
	case strings.HasSuffix(name, ".json"), strings.HasSuffix(name, ".hcl"):
		return false
	}
	return looksLikeCompose(f.Data)
}

// Source is what a definition is made of.
type Source struct {
	Files []File
	// Lookup gives the value of a variable from outside, which counts before the
	// one in the file.
	Lookup func(string) (string, bool)
	// Builtin are the variables that every definition has.
	Builtin map[string]string
	// Compose gives the model of Compose files as YAML, with variables replaced and
	// files merged.
	Compose func(context.Context, []File) ([]byte, error)
}

// Definition is what the files say, before inheritance and --set.
type Definition struct {
	Groups  []*Group
	Targets []*Target
	// Variables are those that the files declare.
	Variables []Variable

	lookup func(string) (string, bool)
}

// blocks are those of a file besides variables and functions.
type blocks struct {
	Groups  []*Group  `hcl:"group,block" cty:"group"`
	Targets []*Target `hcl:"target,block" cty:"target"`
}

// Variable is a variable of a definition, with its value.
type Variable struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Type        string  `json:"type,omitempty"`
	Value       *string `json:"value,omitempty"`
}

// Read evaluates the files.
func Read(ctx context.Context, src Source) (*Definition, error) {
	d := &Definition{lookup: src.Lookup}
	var compose []File
	var bodies []*hcl.File
	for _, f := range src.Files {
		if f.IsCompose() {
			compose = append(compose, f)
			continue
		}
		body, err := parseHCL(f)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	if len(compose) > 0 {
		model, err := src.Compose(ctx, compose)
		if err != nil {
			return nil, err
		}
		if err := d.addCompose(model, src.Lookup); err != nil {
			return nil, fmt.Errorf("failed to parse compose file: %w", err)
		}
	}
	if len(bodies) > 0 {
		if err := d.evaluate(bodies, src); err != nil {
			return nil, withSource(err, src.Files)
		}
	}
	return d, d.settle()
}

// parseHCL reads HCL or its JSON form. A file whose name does not tell is HCL,
// unless it is no such thing and JSON.
func parseHCL(f File) (*hcl.File, error) {
	p := hclparse.NewParser()
	name := strings.ToLower(f.Name)
	if strings.HasSuffix(name, ".json") || !strings.HasSuffix(name, ".hcl") && strings.HasPrefix(strings.TrimSpace(string(f.Data)), "{") {
		body, diags := p.ParseJSON(f.Data, f.Name)
		return body, withSource(asError(diags), []File{f})
	}
	body, diags := p.ParseHCL(f.Data, f.Name)
	return body, withSource(asError(diags), []File{f})
}

// asError keeps a nil a nil.
func asError(diags hcl.Diagnostics) error {
	if !diags.HasErrors() {
		return nil
	}
	return diags
}

// evaluate adds what HCL says to the definition.
func (d *Definition) evaluate(bodies []*hcl.File, src Source) error {
	// What is there already goes in: a block adds to a target of its name.
	all := blocks{Groups: d.Groups, Targets: d.Targets}
	meta, diags := hclparser.Parse(hclparser.MergeFiles(bodies), hclparser.Opt{
		LookupVar: src.Lookup, Vars: src.Builtin, ValidateLabel: checkName,
	}, &all)
	if err := asError(diags); err != nil {
		return err
	}
	d.Groups, d.Targets = all.Groups, all.Targets
	for _, names := range meta.Renamed {
		for matrix, targets := range names { // a matrix is called by its name as well
			if targets = unique(targets); len(targets) != 1 || targets[0] != matrix {
				d.Groups = append(d.Groups, &Group{Name: matrix, Targets: targets})
			}
		}
	}
	for _, v := range meta.AllVariables {
		d.Variables = append(d.Variables, Variable{Name: v.Name, Description: v.Description, Type: v.Type, Value: v.Value})
	}
	return nil
}

// settle joins blocks of one name: a later one adds to an earlier one.
func (d *Definition) settle() error {
	var targets []*Target
	byName := map[string]*Target{}
	for _, t := range d.Targets {
		if first, ok := byName[t.Name]; ok {
			first.Merge(t)
			continue
		}
		byName[t.Name] = t
		targets = append(targets, t)
	}
	var groups []*Group
	groupOf := map[string]*Group{}
	for _, g := range d.Groups {
		first, ok := groupOf[g.Name]
		if !ok {
			groupOf[g.Name] = g
			groups = append(groups, g)
			first = g
		} else {
			first.Targets = append(first.Targets, g.Targets...)
		}
		first.Targets = unique(first.Targets)
	}
	d.Targets, d.Groups = targets, groups
	for _, t := range targets {
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses names that --set or a shell could take apart.
func checkName(name string) error {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return fmt.Errorf("only \"[a-zA-Z0-9_-]+\" are allowed")
		}
	}
	if name == "" {
		return fmt.Errorf("it is empty")
	}
	return nil
}

// unique keeps the first of equal values, and no empty one.
func unique(in []string) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
