package compose

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
)

// withService loads a project that has a service s with some text below it, and
// what that may refer to.
func withService(t *testing.T, text string) *types.Project {
	t.Helper()
	dir := t.TempDir()
	image := "image: x"
	if strings.HasPrefix(text, "image:") {
		image = "tty: false"
	}
	for name, content := range map[string]string{
		"v.env": "V=file\nRAW=\"x \\$HOME y\"\n", "l.env": "L=file\n", "c": "config", "sec": "secret",
		"other.yaml": "services: {far: {image: y, hostname: far}}\n",
		"compose.yaml": `
services:
  s:
    ` + image + `
    ` + text + `
  db: {image: x, restart: always, healthcheck: {test: x}}
networks: {n: {ipam: {config: [{subnet: 10.7.0.0/24}, {subnet: "fd00:7::/64"}]}}, n2: {}, default: {}}
volumes: {vol: {}}
configs: {c: {file: ./c}}
secrets: {sec: {file: ./sec}}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Load(t.Context(), LoadOptions{Files: []string{filepath.Join(dir, "compose.yaml")}, ProjectName: "p", Profiles: []string{"x"}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// described is what the container of the service s is made of, as plain values.
func described(t *testing.T, p *types.Project) any {
	t.Helper()
	s := p.Services["s"]
	b, err := (&converter{project: p}).convert(&s, 1)
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		UID  int `json:"uid"`
		GID  int `json:"gid"`
		Mode int `json:"mode"`
	}
	var files []file
	for _, f := range b.files {
		files = append(files, file{f.uid, f.gid, int(f.mode)})
	}
	text, err := json.Marshal(map[string]any{
		"Name": b.out.Name, "Config": b.cfg, "HostConfig": b.host, "Networks": b.out.Networks, "Platform": b.out.Platform, "files": files,
	})
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// at is the JSON of what a path leads to.
func at(t *testing.T, v any, path string) string {
	t.Helper()
	for _, key := range strings.Split(path, ".") {
		switch now := v.(type) {
		case map[string]any:
			v = now[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(now) {
				t.Fatalf("%s: no %s", path, key)
			}
			v = now[i]
		default:
			v = nil
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each attribute does to the container what it says.
func TestEffects(t *testing.T) {
	for _, e := range effects {
		t.Run(e.path, func(t *testing.T) {
			p := withService(t, e.text)
			if e.at == "" {
				return
			}
			if got := at(t, described(t, p), e.at); got != e.want {
				t.Errorf("%s: %s is %s, want %s", e.text, e.at, got, e.want)
			}
		})
	}
}

// Every attribute of services that works has a row in effects, its own or of
// those below it.
func TestEffectsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range effects {
		seen["services."+e.path] = true
	}
	for _, a := range Attributes() {
		if a.State != Works || !strings.HasPrefix(a.Path, "services.") || slices.Contains(buildAttributes, a) {
			continue
		}
		if parent := a.Path[:strings.LastIndexByte(a.Path, '.')]; !covered(seen, a.Path) && !seen[parent] {
			t.Errorf("no test sees the effect of %s", a.Path)
		}
	}
}

// The list has all that the schema of the specification has.
func TestSchemaIsListed(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal([]byte(schema.Schema), &root); err != nil {
		t.Fatal(err)
	}
	listed := map[string]State{}
	for _, a := range Attributes() {
		listed[a.Path] = a.State
	}
	defs, _ := root["$defs"].(map[string]any)
	paths := map[string]bool{}
	schemaPaths(defs, root, "", nil, paths)
	if len(paths) < 500 {
		t.Fatalf("the schema has but %d attributes: is it read rightly?", len(paths))
	}
	for path := range paths {
		ok := false
		for p := path; p != "" && !ok; p = p[:max(0, strings.LastIndexByte(p, '.'))] {
			state, listed := listed[p]
			ok = listed && (p == path || state != Works) // one line speaks for all below it
		}
		if !ok && !slices.Contains([]string{"services", "networks", "volumes", "configs", "secrets"}, path) {
			t.Errorf("%s is not in the list", path)
		}
	}
}

// schemaPaths collects the paths of all properties below a schema.
func schemaPaths(defs, node map[string]any, path string, seen []string, out map[string]bool) {
	if ref, ok := node["$ref"].(string); ok {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		if below, ok := defs[name].(map[string]any); ok && !slices.Contains(seen, name) {
			schemaPaths(defs, below, path, append(slices.Clone(seen), name), out)
		}
		return
	}
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		list, _ := node[key].([]any)
		for _, v := range list {
			if below, ok := v.(map[string]any); ok {
				schemaPaths(defs, below, path, seen, out)
			}
		}
	}
	if items, ok := node["items"].(map[string]any); ok {
		schemaPaths(defs, items, path, seen, out)
	}
	properties, _ := node["properties"].(map[string]any)
	for name, v := range properties {
		p := strings.TrimPrefix(path+"."+name, ".")
		out[p] = true
		if below, ok := v.(map[string]any); ok {
			schemaPaths(defs, below, p, seen, out)
		}
	}
	patterns, _ := node["patternProperties"].(map[string]any)
	for pattern, v := range patterns {
		if below, ok := v.(map[string]any); ok && pattern != "^x-" {
			schemaPaths(defs, below, path, seen, out)
		}
	}
}
