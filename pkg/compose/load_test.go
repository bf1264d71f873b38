package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// project loads a file's text, in a folder of its own.
func project(t *testing.T, text string) *types.Project {
	t.Helper()
	p, err := Load(t.Context(), LoadOptions{Files: []string{write(t, text)}, ProjectName: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// laughs is a few lines that stand for 9^8 values.
func laughs() string {
	text := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		n, o := string(rune('0'+i)), string(rune('0'+i-1))
		text += "a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+o+",", 9), ",") + "]\n"
	}
	return text
}

// What is wrong is said in one line that names the file and, where it is known,
// the line.
func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"yaml":              {"services:\n  web:\n    image: x\n   y: 1\n", "compose.yaml:4:4: did not find expected key"},
		"yaml, unended":     {"services:\n  a: \"x\n", "compose.yaml:3: found unexpected end of stream"},
		"yaml, anchor":      {"services:\n  a: *x\n", "compose.yaml:2:7: unknown anchor 'x' referenced"},
		"unknown attribute": {"services:\n  web:\n    image: x\n    foo: 1\n", "compose.yaml:4: services.web.foo: the specification has no such attribute"},
		"wrong type":        {"services:\n  web:\n    image: x\n    build: 5\n", "compose.yaml:4: services.web.build must be a string"},
		"variable":          {"services:\n  web:\n    image: ${NOPE:?is needed}\n", "compose.yaml:3: error while interpolating services.web.image: required variable NOPE is missing a value: is needed"},
		"env_file":          {"services:\n  web:\n    image: x\n    env_file: none.env\n", "none.env not found"},
		"dependency":        {"services:\n  web:\n    image: x\n    depends_on: [db]\n", `depends on undefined service "db"`},
		"cycle":             {"services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n", "dependency cycle detected: a -> b -> a"},
		"extends cycle":     {"services:\n  a: {extends: {service: b}}\n  b: {extends: {service: a}}\n", "Circular reference"},
		"include":           {"include: ['https://example.org/c.yaml']\nservices: {}\n", "https://example.org/c.yaml is not on this machine"},
		"laughs":            {laughs(), "aliases expand to more than 1000000 values"},
		"ports":             {"services:\n  a: {image: x, ports: ['80:80']}\n  b:\n    image: x\n    ports:\n      - '80:81'\n", `compose.yaml:6: service "b": ports: 80/tcp is published by "a" already`},
		"container_name":    {"services:\n  a:\n    image: x\n    container_name: cc\n    scale: 2\n", "container name must be unique"},
		"refused":           {"services:\n  a:\n    image: x\n    use_api_socket: true\n", "compose.yaml:4: services.a.use_api_socket: there is no daemon"},
		"external secret":   {"services:\n  a: {image: x}\nsecrets:\n  s:\n    external: true\n", "compose.yaml:5: secrets.s.external:"},
		"pid":               {"services:\n  a:\n    image: x\n    ipc: nonsense\n", `compose.yaml:4: service "a": ipc: "nonsense" is none of the modes`},
		"secret":            {"services:\n  a: {image: x, secrets: [s]}\nsecrets:\n  s: {environment: NOPE}\n", `environment variable "NOPE" is required`},
		"volume type":       {"services:\n  a:\n    image: x\n    volumes:\n      - {type: cluster, source: c, target: /c}\n", `the type "cluster" is not supported`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(t.Context(), LoadOptions{Files: []string{write(t, c.text)}, ProjectName: "p"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadLenient(t *testing.T) {
	var warnings []string
	o := LoadOptions{
		Files: []string{write(t, "services:\n  a:\n    image: x\n    use_api_socket: true\n    deploy: {placement: {constraints: ['a==b']}}\n")}, ProjectName: "p",
		Lenient: true, Warn: func(s string) { warnings = append(warnings, s) },
	}
	if _, err := Load(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(warnings, "\n")
	if !strings.Contains(text, "services.a.use_api_socket") || !strings.Contains(text, "services.a.deploy.placement") {
		t.Errorf("warnings: %s", text)
	}
}

func TestNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Load(t.Context(), LoadOptions{}); err == nil || !strings.Contains(err.Error(), "no configuration file provided") {
		t.Error(err)
	}
}

// The name comes from the flag, the environment, the file, the folder, in that order.
func TestProjectName(t *testing.T) {
	text := "name: infile\nservices: {a: {image: x}}\n"
	for _, c := range []struct{ flag, env, text, want string }{
		{"flag", "env", text, "flag"}, {"", "env", text, "env"}, {"", "", text, "infile"}, {"", "", "services: {a: {image: x}}\n", "folder"},
	} {
		dir := filepath.Join(t.TempDir(), "Folder")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "c.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := LoadOptions{Files: []string{path}, ProjectName: c.flag}
		if c.env != "" {
			o.Env = []string{"COMPOSE_PROJECT_NAME=" + c.env}
		}
		p, err := Load(t.Context(), o)
		if err != nil || p.Name != c.want {
			t.Errorf("%+v: %v, %v", c, p, err)
		}
	}
	p, err := Load(t.Context(), LoadOptions{Files: []string{write(t, "name: ../X\nservices: {s: {image: x}}\n")}})
	if err != nil || p.Name != "x" {
		t.Errorf("a file's name ../X: %v, %v", p, err)
	}
	for _, bad := range []string{"../x", "A", "a b", "-a"} {
		if CheckProjectName(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestProfilesAndEnv(t *testing.T) {
	path := write(t, "services:\n  a: {image: 'x:${TAG-none}'}\n  b: {image: x, profiles: [extra]}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), ".env"), []byte("TAG=fromfile\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(t.Context(), LoadOptions{Files: []string{path}, Profiles: []string{"extra"}})
	if err != nil || len(p.Services) != 2 || p.Services["a"].Image != "x:fromfile" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = Load(t.Context(), LoadOptions{Files: []string{path}, Env: []string{"TAG=env"}})
	if err != nil || len(p.Services) != 1 || p.Services["a"].Image != "x:env" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Load(t.Context(), LoadOptions{Files: []string{path}, EnvFiles: []string{"/none.env"}}); err == nil {
		t.Error("a missing --env-file was accepted")
	}
}

// Whatever a file holds, loading it ends, with a project or an error.
func FuzzLoad(f *testing.F) {
	f.Add("services: {a: {image: x, ports: ['80:80'], volumes: ['v:/v']}}\nvolumes: {v: }\n")
	f.Add("x: &x [*x]\nservices: {}\n")
	f.Add("services:\n  a: {image: '${A:-${B:-c}}', deploy: {replicas: 3}}\n")
	f.Add("services: {a: !reset null}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Load(t.Context(), LoadOptions{Files: []string{write(t, text)}, ProjectName: "p"})
		if err == nil && p == nil {
			t.Error("neither a project nor an error")
		}
	})
}
