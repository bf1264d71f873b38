package bake

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// The kinds of entries. Each reads what its flag takes.
type (
	attestKind struct{}
	cacheKind  struct{}
	outputKind struct{}
	secretKind struct{}
	sshKind    struct{}
)

func (attestKind) format(e Entry) string { return csvOf(e) }
func (cacheKind) format(e Entry) string  { return csvOf(e) }
func (outputKind) format(e Entry) string { return csvOf(e) }
func (secretKind) format(e Entry) string { return csvOf(e) }

// format writes NAME or NAME=SOCKET|KEY,KEY.
func (sshKind) format(e Entry) string {
	if e["paths"] == "" {
		return e["id"]
	}
	return e["id"] + "=" + e["paths"]
}

func typed(text string) ([]Entry, error) {
	e, err := fields(text)
	if err != nil {
		return nil, err
	}
	if e["type"] == "" {
		return nil, fmt.Errorf("type required for %q", text)
	}
	return []Entry{e}, nil
}

func (attestKind) parse(text string) ([]Entry, error) { return typed(text) }

// parse takes the references of images, with commas, as caches in registries.
func (cacheKind) parse(text string) ([]Entry, error) {
	if strings.Contains(text, "=") {
		return typed(text)
	}
	refs, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("invalid value %q: %w", text, err)
	}
	var out []Entry
	for _, ref := range refs {
		out = append(out, Entry{"type": "registry", "ref": ref})
	}
	return out, nil
}

// parse takes a folder, or "-" for a tar on standard output, as well.
func (outputKind) parse(text string) ([]Entry, error) {
	switch {
	case text == "-":
		return []Entry{{"type": "tar", "dest": "-"}}, nil
	case !strings.Contains(text, ",") && !strings.HasPrefix(text, "type="):
		return []Entry{{"type": "local", "dest": text}}, nil
	}
	return typed(text)
}

// parse takes id=NAME, src=FILE and env=VARIABLE.
func (secretKind) parse(text string) ([]Entry, error) {
	e, err := fields(text)
	if err != nil {
		return nil, err
	}
	if src, ok := e["source"]; ok {
		e["src"] = src
		delete(e, "source")
	}
	if e["type"] == "env" && e["env"] == "" && e["src"] != "" {
		e["env"] = e["src"]
		delete(e, "src")
	}
	if t := e["type"]; t != "" && t != "env" && t != "file" {
		return nil, fmt.Errorf("unsupported secret type %q", t)
	}
	delete(e, "type")
	for k := range e {
		if k != "id" && k != "src" && k != "env" {
			return nil, fmt.Errorf("unexpected key '%s' in secret %q", k, text)
		}
	}
	return []Entry{e}, nil
}

// parse takes NAME and NAME=SOCKET|KEY,KEY.
func (sshKind) parse(text string) ([]Entry, error) {
	id, paths, _ := strings.Cut(text, "=")
	if id == "" {
		return nil, fmt.Errorf("invalid ssh value %q: it has no name", text)
	}
	e := Entry{"id": id}
	if paths != "" {
		e["paths"] = paths
	}
	return []Entry{e}, nil
}
