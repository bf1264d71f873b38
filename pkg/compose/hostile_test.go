package compose

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// loadFiles writes the files of a project, name and text in turn, into one folder, and
// loads the first.
func loadFiles(t *testing.T, files ...string) error {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(t.Context(), LoadOptions{Files: []string{filepath.Join(dir, files[0])}, ProjectName: "p"})
	return err
}

// What other files bring is refused as what the first has, in words that name it.
func TestLoadOtherFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"include cycle":       {[]string{"a.yaml", "include: [b.yaml]\n", "b.yaml", "include: [a.yaml]\n"}, "include cycle detected"},
		"include itself":      {[]string{"a.yaml", "include: [a.yaml]\n"}, "include cycle detected"},
		"include missing":     {[]string{"a.yaml", "include: [none.yaml]\n"}, "none.yaml"},
		"include remote":      {[]string{"a.yaml", "include: [oci://example.org/x]\n"}, "oci://example.org/x is not on this machine"},
		"include git":         {[]string{"a.yaml", "include: ['git@example.org:x/y.git']\n"}, "git@example.org:x/y.git is not on this machine"},
		"include laughs":      {[]string{"a.yaml", "include: [b.yaml]\n", "b.yaml", laughs()}, "b.yaml: aliases expand to more than"},
		"include yaml":        {[]string{"a.yaml", "include: [sub/b.yaml]\n", "sub/b.yaml", "services:\n  web:\n    image: x\n   y: 1\n"}, "sub/b.yaml:4:4: did not find expected key"},
		"include of include":  {[]string{"a.yaml", "include: [sub/b.yaml]\n", "sub/b.yaml", "include: [c.yaml]\n", "sub/c.yaml", laughs()}, "c.yaml: aliases expand to more than"},
		"include attribute":   {[]string{"a.yaml", "include: [b.yaml]\n", "b.yaml", "services:\n  web:\n    image: x\n    foo: 1\n"}, "b.yaml"},
		"extends laughs":      {[]string{"a.yaml", "services: {s: {extends: {file: b.yaml, service: x}}}\n", "b.yaml", laughs()}, "b.yaml: aliases expand to more than"},
		"extends remote":      {[]string{"a.yaml", "services: {s: {extends: {file: 'https://example.org/x', service: x}}}\n"}, "https://example.org/x is not on this machine"},
		"extends in a circle": {[]string{"a.yaml", "services: {s: {extends: {file: b.yaml, service: x}}}\n", "b.yaml", "services: {x: {extends: {file: a.yaml, service: s}}}\n"}, "Circular reference"},
		"extends nothing":     {[]string{"a.yaml", "services: {s: {extends: {file: b.yaml, service: x}}}\n", "b.yaml", "services: {y: {image: x}}\n"}, `"x" not found`},
		"depth":               {[]string{"a.yaml", "x: " + strings.Repeat("[", 100000)}, "a.yaml"},
		"depth of maps":       {[]string{"a.yaml", "x: " + strings.Repeat("{a: ", 50000)}, "a.yaml"},
		"reset of all":        {[]string{"a.yaml", "!reset"}, "a.yaml"},
		"a service of dots":   {[]string{"a.yaml", "services: {'../s': {image: x}}\n"}, "a.yaml"},
		"a service named ..":  {[]string{"a.yaml", "services: {'..': {image: x}}\n"}, "a.yaml"},
		"container_name":      {[]string{"a.yaml", "services: {s: {image: x, container_name: ../x}}\n"}, "container_name"},
		"a volume with dots":  {[]string{"a.yaml", "services: {s: {image: x, volumes: ['v1:/v']}}\nvolumes: {v1: {name: ../v}}\n"}, "a.yaml:2: volumes.v1.name"},
		"a network with dots": {[]string{"a.yaml", "services: {s: {image: x, networks: [n]}}\nnetworks: {n: {name: ../n}}\n"}, "a.yaml:2: networks.n.name"},
		"a port twice":        {[]string{"a.yaml", "services:\n  s:\n    image: x\n    ports:\n      - 80:80\n      - 127.0.0.1:80:81\n"}, `a.yaml:6: service "s": ports: 127.0.0.1:80/tcp is published by "s" already`},
		"a range over a port": {[]string{"a.yaml", "services:\n  a: {image: x, ports: ['8001:1']}\n  b: {image: x, ports: ['8000-8002:80-82']}\n"}, `8001/tcp is published by "a" already`},
		"a wildcard port":     {[]string{"a.yaml", "services:\n  a: {image: x, ports: ['127.0.0.1:80:1']}\n  b: {image: x, ports: ['0.0.0.0:80:1']}\n"}, `80/tcp is published by "a" already`},
		"tabs":                {[]string{"a.yaml", "services:\n\ta: {image: x}\n"}, "a.yaml:2"},
		"a key twice":         {[]string{"a.yaml", "services:\n  a:\n    image: x\n    image: y\n"}, "a.yaml"},
		"no map":              {[]string{"a.yaml", "- a\n"}, "a.yaml"},
		"nothing":             {[]string{"a.yaml", ""}, "a.yaml"},
		"bytes":               {[]string{"a.yaml", "\xff\xfe\x00"}, "a.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := loadFiles(t, c.files...)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 300 {
				t.Errorf("%d MiB were used", used)
			}
		})
	}
}
