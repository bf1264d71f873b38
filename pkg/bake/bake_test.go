package bake

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// read makes a definition of files, NAME and content in turn.
func read(t *testing.T, env map[string]string, files ...string) (*Definition, error) {
	t.Helper()
	var all []File
	for i := 0; i < len(files); i += 2 {
		all = append(all, File{files[i], []byte(files[i+1])})
	}
	return Read(t.Context(), Source{
		Files: all, Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Builtin: map[string]string{"BAKE_CMD_CONTEXT": "cwd://"},
		Compose: func(_ context.Context, files []File) ([]byte, error) { return files[0].Data, nil },
	})
}

// plan is read and Resolve, as JSON without spaces.
func plan(t *testing.T, d *Definition, names, set []string) (string, error) {
	t.Helper()
	p, err := d.Resolve(names, set)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(p)
	return string(data), err
}

const definition = `
variable "TAG" {
  default = "latest"
  description = "of the images"
}
function "tags" {
  params = [n]
  result = ["localhost/${n}:${TAG}"]
}
group "default" { targets = ["app", "many"] }
target "_common" {
  args = { V = "1", TAGGED = TAG }
  platforms = ["linux/amd64"]
}
target "app" {
  inherits = ["_common"]
  description = "the app"
  dockerfile-inline = "FROM scratch\nRUN echo $${V}"
  tags = tags("app")
  output = ["type=docker", { type = "oci", dest = "out" }]
  secret = ["id=x,src=y", { id = "z", env = "Z" }]
  ssh = ["default", { id = "k", paths = ["a", "b"] }]
  cache-from = ["a/b", "type=local,src=c"]
  cache-to = [{ type = "inline" }]
  attest = ["type=provenance,mode=max"]
  contexts = { base = "target:base", other = "docker-image://x" }
  labels = { l = "%%{x" }
  network = "host"
  no-cache = true
}
target "base" { dockerfile = "Base" }
target "many" {
  name = "many-${v}-${w}"
  matrix = { v = ["x", "y"], w = ["1"] }
  inherits = ["_common"]
  args = { V = v }
}
`

func TestResolve(t *testing.T) {
	d, err := read(t, map[string]string{"TAG": "7"}, "docker-bake.hcl", definition)
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan(t, d, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"group":{"default":{"targets":["app","many"]},"many":{"targets":["many-x-1","many-y-1"]}}`,
		`"dockerfile-inline":"FROM scratch\nRUN echo $${V}"`, `"args":{"TAGGED":"7","V":"1"}`, `"tags":["localhost/app:7"]`,
		`"cache-from":[{"ref":"a/b","type":"registry"},{"src":"c","type":"local"}]`, `"cache-to":[{"type":"inline"}]`,
		`"secret":[{"id":"x","src":"y"},{"env":"Z","id":"z"}]`, `"ssh":[{"id":"default"},{"id":"k","paths":["a","b"]}]`,
		`"output":[{"type":"docker"},{"dest":"out","type":"oci"}]`, `"attest":[{"mode":"max","type":"provenance"}]`,
		`"labels":{"l":"%%{x"}`, `"entitlements":["network.host"]`, `"no-cache":true`,
		`"base":{"context":".","dockerfile":"Base","output":[{"type":"cacheonly"}]}`,
		`"many-y-1":{"context":".","dockerfile":"Dockerfile","args":{"TAGGED":"7","V":"y"},"platforms":["linux/amd64"]}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if list := d.List(); len(list) != 6 || list[0].Name != "app" || list[0].Description != "the app" || !list[2].Group {
		t.Errorf("list: %+v", list)
	}
	if v := d.Variables; len(v) != 1 || *v[0].Value != "7" || v[0].Description != "of the images" {
		t.Errorf("variables: %+v", v)
	}
	p, err := d.Resolve([]string{"many*", "base"}, nil)
	if err != nil || len(p.Targets) != 3 || p.Targets["base"].Linked {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSet(t *testing.T) {
	for set, want := range map[string]string{
		"app.args.V=2":                            `"args":{"TAGGED":"latest","V":"2"}`,
		"app.args.HOME":                           `"HOME":"/home"`,
		"a*.tags=a app.tags=b":                    `"tags":["a","b"]`,
		"app.tags+=a":                             `"tags":["localhost/app:latest","a"]`,
		"app.output=out":                          `"output":[{"dest":"out","type":"local"}]`,
		"app.output=-":                            `"output":[{"dest":"-","type":"tar"}]`,
		"app.output+=type=tar,dest=x":             `"output":[{"type":"docker"},{"dest":"out","type":"oci"},{"dest":"x","type":"tar"}]`,
		"app.output= app.push=true":               `"output":[{"push":"true","type":"image"}]`,
		"app.output=type=registry app.push=false": `"no-cache":true,"network":"host","entitlements"`,
		"app.output=type=image app.push=1":        `"output":[{"push":"true","type":"image"}]`,
		"app.output=type=oci,dest=x app.load=1":   `"output":[{"dest":"x","type":"oci"},{"type":"docker"}]`,
		"app.output=x app.load=true":              `"output":[{"dest":"x","type":"local"}]`,
		"app.load=true":                           `"output":[{"type":"docker"},{"dest":"out","type":"oci"}]`,
		"app.platform=a/b":                        `"platforms":["a/b"]`,
		"app.secret.x=env=X":                      `"secret":[{"env":"X","id":"x"},{"env":"Z","id":"z"}]`,
		"app.secrets=id=q,type=env,src=Q":         `"secret":[{"env":"Q","id":"q"}]`,
		"app.attest=type=provenance,mode=min":     `"attest":[{"mode":"min","type":"provenance"}]`,
		"app.contexts.other=":                     `"contexts":{"base":"target:base"}`,
		"app.context=x":                           `"context":"x"`,
		"app.dockerfile=x":                        `"dockerfile":"x"`,
		"app.labels.a=b":                          `"a":"b"`,
		"app.extra-hosts.a=1.2.3.4":               `"extra-hosts":{"a":"1.2.3.4"}`,
		"app.network=none":                        `"network":"none"`,
		"app.pull=true":                           `"pull":true`,
		"app.target=t":                            `"target":"t"`,
		"app.shm-size=1m":                         `"shm-size":"1m"`,
		"app.call=check":                          `"call":"check"`,
		"app.ulimits=nofile=1:2":                  `"ulimits":["nofile=1:2"]`,
		"app.annotations=a=b":                     `"annotations":["a=b"]`,
		"app.no-cache-filter=s":                   `"no-cache-filter":["s"]`,
		"app.entitlements=security.insecure":      `"entitlements":["security.insecure","network.host"]`,
		"app.cache-from=x app.cache-to=type=inline app.ssh=default": `"cache-from":[{"ref":"x","type":"registry"}],"cache-to":[{"type":"inline"}]`,

		"app":                           "!invalid override key app",
		"app.tags":                      "!invalid override app.tags",
		"none.tags=a":                   "!could not find any target matching 'none'",
		"[.tags=a":                      "!could not match targets",
		"app.args=a":                    "!args requires name",
		"app.pull=perhaps":              "!invalid value perhaps for boolean key pull",
		"app.none=a":                    "!unknown key: none",
		"app.secret.w=src=x":            "!must be declared",
		"app.secret.x=id=w":             "!does not match",
		"app.cache-to=a=b":              "!type required",
		"app.policy=x":                  "!experiment",
		"app.contexts.a=target:app":     "!cannot link to itself",
		"app.contexts.a=target:nothing": "!failed to find target nothing",
		"base.contexts.a=target:app":    "!infinite loop",
	} {
		d, err := read(t, map[string]string{"HOME": "/home"}, "docker-bake.hcl", definition)
		if err != nil {
			t.Fatal(err)
		}
		got, err := plan(t, d, []string{"app"}, strings.Fields(set))
		if bad, ok := strings.CutPrefix(want, "!"); ok {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%s: %v", set, err)
			}
		} else if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %s is not in %s, %v", set, want, got, err)
		}
	}
}

func TestFilesAddUp(t *testing.T) {
	d, err := read(t, nil,
		"compose.yaml", "services:\n  my.web:\n    image: web\n    build:\n      context: w\n      args: [A=a, B]\n      additional_contexts: {other: service:db}\n"+
			"      secrets: [{source: s}]\n      ssh: {default: ''}\n      ulimits: {nofile: 5}\n      extra_hosts: ['a=1']\n      provenance: 'false'\n"+
			"      x-bake: {tags: web:2 web:3, output: [type=oci], contexts: {other: x, more: y}, no-cache: true}\n"+
			"  db: {build: {dockerfile_inline: FROM scratch, shm_size: '64', pull: true}}\n  none: {image: x}\nsecrets: {s: {file: f}}\n",
		"docker-bake.json", `{"target": {"db": {"tags": ["db"], "context": "d"}, "more": {}}}`,
		"docker-bake.hcl", `target "db" { tags = ["db:2"] }`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan(t, d, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"default":{"targets":["db","my_web"]}`, `"db":{"context":"d","dockerfile":"Dockerfile","dockerfile-inline":"FROM scratch","tags":["db:2"],"pull":true,"shm-size":"64"}`,
		`"my_web":{"attest":[{"disabled":"true","type":"provenance"}],"context":"w","contexts":{"more":"y","other":"target:db"},"dockerfile":"Dockerfile","args":{"A":"a"},"tags":["web","web:2","web:3"]`,
		`"secret":[{"id":"s","src":"f"}],"ssh":[{"id":"default"}],"output":[{"type":"oci"}],"no-cache":true,"ulimits":["nofile=5:5"],"extra-hosts":{"a":"1"}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		`target "a" {`:                                                 "docker-bake.hcl:1",
		`target "a" { tags = [NONE] }`:                                 "Unknown variable",
		`target "a b" {}`:                                              "Invalid name",
		`target "a" { output = "x" }`:                                  "a list is required",
		`target "a" { output = [1] }`:                                  "a text or a map is required",
		`target "a" { output = ["a,b"] }`:                              "invalid value a",
		`target "a" { secret = ["id=a,type=x"] }`:                      "unsupported secret type",
		`target "a" { secret = ["id=a,where=x"] }`:                     "unexpected key",
		`target "a" { ssh = ["=x"] }`:                                  "invalid ssh value",
		`target "a" { policy = ["x"] }`:                                "experiment",
		`target "a" { resources = { memory = "1" } }`:                  "experiment",
		`target "a" { name = "b" }`:                                    "name requires matrix",
		`target "a" { matrix = { v = "x" } }`:                          "matrix values must be a list",
		"group \"a\" {\n  matrix = { v = [\"x\"] }\n  targets = []\n}": "matrix",
	} {
		_, err := read(t, nil, "docker-bake.hcl", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := read(t, nil, "docker-bake.hcl", "\ntarget \"a\" {\n  tags = [NONE]\n}\n")
	var at *SourceError
	if !errors.As(err, &at) || !strings.Contains(at.Excerpt(), "   3 | >>>   tags = [NONE]\n   4 |     }\n") {
		t.Errorf("%v", err)
	}
}

func TestIsCompose(t *testing.T) {
	for _, tt := range []struct {
		file File
		want bool
	}{
		{File{Name: "a.YML"}, true},
		{File{Name: "a.hcl", Data: []byte("services: {}")}, false},
		{File{Name: "-", Data: []byte("services: {}")}, true},
		{File{Name: "-", Data: []byte(`target "x" {}`)}, false},
		{File{Name: "-", Data: []byte(`{"target": {}}`)}, false},
	} {
		if got := tt.file.IsCompose(); got != tt.want {
			t.Errorf("%s %s: %t", tt.file.Name, tt.file.Data, got)
		}
	}
	if d, err := read(t, nil, "-", `{"target": {"a": {"tags": ["b"]}}}`); err != nil || len(d.Targets) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestBuildPaths(t *testing.T) {
	for _, tt := range []struct{ dir, file, inline, wantDir, wantFile, err string }{
		{"a", "Dockerfile", "", "a", "a/Dockerfile", ""},
		{"a", "/b", "", "a", "/b", ""},
		{"a", "cwd://b", "", "a", "b", ""},
		{"cwd://", "b", "", ".", "b", ""},
		{"a", "b", "FROM x", "a", "-", ""},
		{"https://x/y.git", "b", "", "https://x/y.git", "b", ""},
		{"-", "b", "", "", "", "context from stdin"},
		{"a", "-", "", "", "", "dockerfile from stdin"},
	} {
		target := &Target{Context: &tt.dir, Dockerfile: &tt.file}
		if tt.inline != "" {
			target.DockerfileInline = &tt.inline
		}
		dir, file, err := target.BuildPaths()
		if dir != tt.wantDir || file != tt.wantFile || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %s %s %v", tt, dir, file, err)
		}
	}
}

func TestAllow(t *testing.T) {
	d, err := read(t, nil, "docker-bake.hcl", `target "default" {
  context = "../up"
  secret = ["id=a,src=/secret"]
  ssh = ["default=/agent"]
  output = ["type=local,dest=/out/x"]
  cache-to = ["type=local,dest=here"]
  network = "host"
}`)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for allow, want := range map[string]string{
		"": "fs.read=../up fs.read=../up/Dockerfile fs.read=/agent fs.read=/secret fs.write=/out/x network.host ssh",
		"network.host ssh fs.read=.. fs.read=/secret fs.read=/agent fs.write=/out": "",
		"network.host ssh fs=*":        "",
		"network.host ssh fs.read=*":   "fs.write=/out/x",
		"set:default.output=/else/x":   "fs.read=../up fs.read=../up/Dockerfile fs.read=/agent fs.read=/secret network.host ssh",
		"set:default.ssh=default=/x":   "fs.read=../up fs.read=../up/Dockerfile fs.read=/secret fs.write=/out/x network.host",
		"set:default.network=host":     "fs.read=../up fs.read=../up/Dockerfile fs.read=/agent fs.read=/secret fs.write=/out/x ssh",
		"set:default.entitlements=ssh": "fs.read=../up fs.read=../up/Dockerfile fs.read=/agent fs.read=/secret fs.write=/out/x network.host",
	} {
		var set []string
		if text, ok := strings.CutPrefix(allow, "set:"); ok {
			set, allow = []string{text}, ""
		}
		a, err := ParseAllow(strings.Fields(allow))
		if err != nil {
			t.Fatal(err)
		}
		a.Grant(set)
		p, err := d.Resolve(nil, set)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(a.Missing(p, dir), " "); got != want {
			t.Errorf("%s %v: %s", allow, set, got)
		}
	}
	if _, err := ParseAllow([]string{"everything"}); err == nil {
		t.Error("an unknown entitlement is taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("docker-bake.hcl", definition)
	f.Add("docker-bake.json", `{"target": {"a": {"tags": ["b"]}}}`)
	f.Add("compose.yaml", "services: {a: {build: {context: .}}}")
	f.Fuzz(func(t *testing.T, name, text string) {
		d, err := read(t, nil, name, text)
		if err != nil {
			return
		}
		if p, err := d.Resolve([]string{"*"}, nil); err == nil {
			if _, err := json.Marshal(p); err != nil {
				t.Error(err)
			}
		}
	})
}
