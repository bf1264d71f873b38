package bake

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// What a build may do beyond the ordinary.
const (
	NetworkHost = "network.host"
	Insecure    = "security.insecure"
)

// Allowed is what --allow grants, and what --set asks for by itself.
type Allowed struct {
	names       []string
	read, write []string // folders and files; "*" is everywhere
}

// ParseAllow reads network.host, security.insecure, ssh, fs=PATH, fs.read=PATH and
// fs.write=PATH.
func ParseAllow(texts []string) (*Allowed, error) {
	a := &Allowed{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		switch {
		case !ok && slices.Contains([]string{NetworkHost, Insecure, "ssh"}, key):
			a.names = append(a.names, key)
		case ok && key == "fs":
			a.read, a.write = append(a.read, value), append(a.write, value)
		case ok && key == "fs.read":
			a.read = append(a.read, value)
		case ok && key == "fs.write":
			a.write = append(a.write, value)
		default:
			return nil, fmt.Errorf("invalid entitlement %q: use network.host, security.insecure, ssh, fs=PATH, fs.read=PATH or fs.write=PATH", text)
		}
	}
	return a, nil
}

// Grant adds what --set names: it was typed, not read from a file.
func (a *Allowed) Grant(set []string) {
	for _, text := range set {
		key, value, _ := strings.Cut(text, "=")
		parts := strings.SplitN(strings.TrimSuffix(key, "+"), ".", 3)
		if len(parts) < 2 {
			continue
		}
		entry, err := fields(value)
		if err != nil {
			entry = Entry{"dest": value}
		}
		switch parts[1] {
		case "context", "contexts", "dockerfile":
			a.read = append(a.read, value)
		case "secret", "secrets", "cache-from":
			a.read = append(a.read, entry["src"])
		case "ssh":
			_, paths, _ := strings.Cut(value, "=")
			a.read = append(a.read, strings.Split(paths, ",")...)
			a.names = append(a.names, "ssh")
		case "output", "cache-to":
			a.write = append(a.write, entry["dest"])
		case "entitlements":
			a.names = append(a.names, value)
		case "network":
			a.names = append(a.names, "network."+value)
		}
	}
}

// Missing lists what the targets of a plan do that was not granted, as --allow
// takes it. Files below dir, an absolute path, need no grant.
func (a *Allowed) Missing(p *Plan, dir string) []string {
	var out []string
	for _, name := range sorted(p.Targets) {
		t := p.Targets[name]
		for _, e := range t.Entitlements {
			if !slices.Contains(a.names, e) {
				out = append(out, e)
			}
		}
		if len(t.SSH) > 0 && !slices.Contains(a.names, "ssh") {
			out = append(out, "ssh")
		}
		read, write := t.paths()
		out = append(out, outside("fs.read", read, a.read, dir)...)
		out = append(out, outside("fs.write", write, a.write, dir)...)
	}
	out = unique(out)
	slices.Sort(out)
	return out
}

// paths are what a target reads and writes of the machine.
func (t *Target) paths() (read, write []string) {
	local := func(s string) bool {
		return s != "" && !strings.Contains(s, "://") && !strings.HasPrefix(s, linkPrefix) && !strings.HasPrefix(s, "git@")
	}
	for _, s := range append([]string{*t.Context}, values(t.Contexts)...) {
		if s = strings.TrimPrefix(strings.TrimPrefix(s, "oci-layout://"), here); local(s) {
			read = append(read, s)
		}
	}
	if local(*t.Context) && filepath.IsAbs(*t.Dockerfile) {
		read = append(read, *t.Dockerfile)
	} else if local(*t.Context) {
		read = append(read, filepath.Join(*t.Context, *t.Dockerfile))
	}
	for _, e := range t.Secrets {
		read = append(read, e["src"])
	}
	for _, e := range t.SSH {
		read = append(read, strings.Split(e["paths"], ",")...)
	}
	for _, e := range t.CacheFrom {
		read = append(read, e["src"])
	}
	for _, e := range t.CacheTo {
		write = append(write, e["dest"])
	}
	for _, e := range t.Outputs {
		if e["dest"] != "-" {
			write = append(write, e["dest"])
		}
	}
	return unique(read), unique(write)
}

func values(m map[string]string) []string {
	var out []string
	for _, k := range sorted(m) {
		out = append(out, m[k])
	}
	return out
}

// outside lists the paths that are neither below dir nor below one that was
// granted.
func outside(kind string, paths, granted []string, dir string) []string {
	var out []string
	for _, p := range paths {
		full := resolved(p, dir)
		ok := slices.ContainsFunc(append([]string{dir}, granted...), func(g string) bool {
			if g == "*" {
				return true
			}
			rel, err := filepath.Rel(resolved(g, dir), full)
			return g != "" && err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
		})
		if !ok {
			out = append(out, kind+"="+p)
		}
	}
	return out
}

// resolved is an absolute path without links, as far as it exists.
func resolved(path, dir string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	rest := ""
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if found, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(found, rest)
		}
		if at == "/" {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
