package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// builtConfig is what an image says that a Dockerfile has made of it.
type builtConfig struct {
	Env, Cmd, Entrypoint, OnBuild, Shell []string
	Labels                               map[string]string
	ExposedPorts, Volumes                map[string]struct{}
	User, WorkingDir, StopSignal         string
	Healthcheck                          any
	ArgsEscaped                          bool
	Author                               string
	Layers, History                      int
}

// The same Dockerfiles give images of the same configuration, built by nerd and
// by Docker, whose answers testdata/dockerfiles has: hack/record-shapes.sh asks it
// for them.
func TestDockerfiles(t *testing.T) {
	s := newShell(t, "dockerfiles")
	if s.e.target == "nerd" {
		defer s.must("builder", "rm")
	}
	dir := filepath.Join("testdata", "dockerfiles")
	all, err := filepath.Glob(filepath.Join(dir, "*.Dockerfile"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		name := strings.TrimSuffix(filepath.Base(file), ".Dockerfile")
		t.Run(name, func(t *testing.T) {
			ref := "localhost/" + s.name + "/" + name + ":1"
			out, err := s.nerd("build", "-q", "-t", ref, "-f", file, "--build-arg", "IMG="+s.img, dir).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			defer func() {
				if out, err := s.nerd("rmi", "-f", ref).CombinedOutput(); err != nil {
					t.Errorf("%v %s", err, out)
				}
			}()
			got := asBuilt(t, s, ref)
			recorded := filepath.Join(dir, name+".json")
			if os.Getenv(recordShapes) != "" {
				if err := os.WriteFile(recorded, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(recorded)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("built:\n%s\nDocker's:\n%s", got, want)
			}
		})
	}
}

// asBuilt is the configuration of an image, without what differs between runs.
func asBuilt(t *testing.T, s *shell, ref string) []byte {
	t.Helper()
	var shown []struct {
		Author string
		Config builtConfig
		RootFS struct{ Layers []string }
	}
	out, err := s.nerd("image", "inspect", ref).Output()
	if err == nil {
		err = json.Unmarshal(out, &shown)
	}
	if err != nil || len(shown) != 1 {
		t.Fatalf("%v in %s", err, out)
	}
	history, err := s.nerd("history", "-q", ref).Output()
	if err != nil {
		t.Fatal(err)
	}
	c := shown[0].Config
	c.Author, c.Layers, c.History = shown[0].Author, len(shown[0].RootFS.Layers), bytes.Count(history, []byte("\n"))
	for label := range c.Labels { // of the base, by which the suite finds what is its own
		if strings.Contains(c.Labels[label], s.name) {
			delete(c.Labels, label)
		}
	}
	// Nothing is said in two ways.
	for _, list := range []*[]string{&c.Env, &c.Cmd, &c.Entrypoint, &c.OnBuild, &c.Shell} {
		*list = slices.Clip(append([]string{}, *list...))
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}
