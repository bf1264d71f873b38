package spec

import (
	"encoding/csv"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fields splits KEY=VALUE,KEY=VALUE, where a quoted field may hold a comma. A
// field without a value has none in ok.
func fields(text string) ([][2]string, []bool, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil, invalid("empty value")
	}
	row, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, nil, invalid("invalid value %q: %s", text, err)
	}
	pairs := make([][2]string, len(row))
	given := make([]bool, len(row))
	for i, f := range row {
		key, value, ok := strings.Cut(f, "=")
		pairs[i], given[i] = [2]string{strings.ToLower(strings.TrimSpace(key)), value}, ok
	}
	return pairs, given, nil
}

// ParseSecret reads id=NAME,src=FILE or id=NAME,env=VARIABLE. Without either, a
// variable of that name counts before a file.
func ParseSecret(text string, env func(string) (string, bool)) (Secret, error) {
	pairs, given, err := fields(text)
	if err != nil {
		return Secret{}, err
	}
	var s Secret
	kind := ""
	for i, p := range pairs {
		if !given[i] {
			return Secret{}, invalid("invalid field '%s' must be a key=value pair", p[0])
		}
		switch p[0] {
		case "type":
			if p[1] != "file" && p[1] != "env" {
				return Secret{}, invalid("unsupported secret type %q", p[1])
			}
			kind = p[1]
		case "id":
			s.ID = p[1]
		case "source", "src":
			s.File = p[1]
		case "env":
			s.Env = p[1]
		default:
			return Secret{}, invalid("unexpected key '%s' in '%s=%s'", p[0], p[0], p[1])
		}
	}
	if s.ID == "" {
		return Secret{}, invalid("secret %q has no id", text)
	}
	if kind == "env" && s.Env == "" {
		s.Env, s.File = s.File, ""
	}
	if s.Env == "" && s.File == "" {
		if _, ok := env(s.ID); ok && kind != "file" {
			s.Env = s.ID
		} else if s.File = s.ID; kind == "env" {
			s.Env, s.File = s.ID, ""
		}
	}
	return s, nil
}

// ParseSSH reads default, NAME or NAME=SOCKET|KEY[,KEY].
func ParseSSH(text string) (SSH, error) {
	id, paths, ok := strings.Cut(text, "=")
	if id == "" {
		return SSH{}, invalid("invalid ssh value %q: default|NAME[=SOCKET|KEY[,KEY]] is expected", text)
	}
	s := SSH{ID: id}
	if ok {
		s.Paths = strings.Split(paths, ",")
	}
	return s, nil
}

// ParseCache reads type=NAME,KEY=VALUE or, for an import, the reference of an
// image.
func ParseCache(text string) (Cache, error) {
	pairs, given, err := fields(text)
	if err != nil {
		return Cache{}, err
	}
	if !slices.Contains(given, true) {
		return Cache{Type: "registry", Attrs: map[string]string{"ref": text}}, nil
	}
	c := Cache{Attrs: map[string]string{}}
	for i, p := range pairs {
		switch {
		case !given[i]:
			return Cache{}, invalid("invalid field '%s' must be a key=value pair", p[0])
		case p[0] == "type":
			c.Type = p[1]
		default:
			c.Attrs[p[0]] = p[1]
		}
	}
	if c.Type == "" {
		return Cache{}, invalid("type required form> %q", text)
	}
	return c, nil
}

// ParseOutput reads type=NAME,KEY=VALUE, or a folder, or "-" for a tar on
// standard output. push says that the names are to be sent to their registries.
func ParseOutput(text string) (o Output, names []string, push bool, err error) {
	if text == "-" {
		return Output{Type: "tar", Dest: "-", Attrs: map[string]string{}}, nil, false, nil
	}
	pairs, given, err := fields(text)
	if err != nil {
		return o, nil, false, err
	}
	if len(pairs) == 1 && !given[0] {
		return Output{Type: "local", Dest: text, Attrs: map[string]string{}}, nil, false, nil
	}
	o.Attrs = map[string]string{}
	for i, p := range pairs {
		switch {
		case !given[i]:
			return o, nil, false, invalid("invalid value %s", p[0])
		case p[0] == "type":
			o.Type = p[1]
		case p[0] == "dest":
			o.Dest = p[1]
		default:
			o.Attrs[p[0]] = p[1]
		}
	}
	return o.settle(text)
}

// settle brings the kinds of outputs down to those that there are, and checks
// what each needs.
func (o Output) settle(text string) (_ Output, names []string, push bool, err error) {
	switch o.Type {
	case "":
		return o, nil, false, invalid("type is required for output %q", text)
	case "registry":
		o.Type, push = "image", true
	case "docker":
		if o.Dest == "" {
			o.Type = "image"
		}
	case "local":
		if o.Dest == "" {
			return o, nil, false, invalid("dest is required for local output")
		}
	case "oci", "tar":
		if o.Dest == "" {
			o.Dest = "-"
		}
	case "image", "cacheonly":
	default:
		return o, nil, false, invalid("exporter %q could not be found", o.Type)
	}
	if o.Type != "image" {
		return o, nil, false, nil
	}
	if o.Dest != "" {
		return o, nil, false, invalid("dest not supported for image output")
	}
	if v, ok := o.Attrs["push"]; ok {
		if push, err = strconv.ParseBool(v); err != nil {
			return o, nil, false, invalid("non-bool value specified for push: %q", v)
		}
		delete(o.Attrs, "push")
	}
	if v := o.Attrs["name"]; v != "" {
		for name := range strings.SplitSeq(v, ",") {
			tag, err := ParseTag(name)
			if err != nil {
				return o, nil, false, err
			}
			names = append(names, tag)
		}
		delete(o.Attrs, "name")
	}
	return o, names, push, nil
}

// ParseAttest reads type=sbom|provenance,KEY=VALUE.
func ParseAttest(text string) (kind, attrs string, err error) {
	pairs, given, err := fields(text)
	if err != nil {
		return "", "", err
	}
	var rest []string
	for i, p := range pairs {
		switch {
		case !given[i]:
			return "", "", invalid("invalid value %s", p[0])
		case p[0] == "type":
			kind = p[1]
		case p[0] == "disabled":
			off, err := strconv.ParseBool(p[1])
			if err != nil {
				return "", "", invalid("non-bool value specified for disabled: %q", p[1])
			}
			if off {
				rest = append(rest, "disabled=true")
			}
		default:
			rest = append(rest, p[0]+"="+p[1])
		}
	}
	if kind != "sbom" && kind != "provenance" {
		return "", "", invalid("attestation type must be sbom or provenance: %q", text)
	}
	return kind, strings.Join(rest, ","), nil
}

// annotationKinds are where an annotation may go.
var annotationKinds = []string{"manifest", "index", "manifest-descriptor", "index-descriptor"}

// ParseAnnotations reads [KIND[,KIND]:]NAME=VALUE to attributes of an exporter.
func ParseAnnotations(values []string) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, invalid("invalid annotation %q: key=value is expected", v)
		}
		kinds := []string{"manifest"}
		if before, after, ok := strings.Cut(name, ":"); ok {
			kinds, name = strings.Split(before, ","), after
		}
		for _, kind := range kinds {
			base, platform, _ := strings.Cut(strings.TrimSuffix(kind, "]"), "[")
			if !slices.Contains(annotationKinds, base) {
				return nil, invalid("unknown annotation type %q: use %s", base, strings.Join(annotationKinds, ", "))
			}
			key := "annotation-" + base
			if platform != "" {
				key += "[" + platform + "]"
			}
			out[key+"."+name] = value
		}
	}
	return out, nil
}

// ParseHosts reads NAME:ADDRESS and NAME=ADDRESS to what the builder takes.
func ParseHosts(values []string) ([]string, error) {
	var out []string
	for _, v := range values {
		i := strings.IndexAny(v, "=:")
		if i <= 0 || i == len(v)-1 {
			return nil, invalid("bad format for add-host: %q", v)
		}
		address := strings.TrimSuffix(strings.TrimPrefix(v[i+1:], "["), "]")
		out = append(out, v[:i]+"="+address)
	}
	return out, nil
}

// Names are the sorted keys.
func Names(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
