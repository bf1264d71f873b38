package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	"github.com/nerd-cli/nerd/pkg/registry"
)

func planned(t *testing.T, o *spec.Options) (*job, error) {
	t.Helper()
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	b := &Builder{cfg: Config{Registry: registry.New(registry.Config{})}}
	j, err := b.plan(o)
	if j != nil {
		t.Cleanup(func() {
			if err := j.close(); err != nil {
				t.Error(err)
			}
		})
	}
	return j, err
}

func write(t *testing.T, dir string, files ...string) string {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("FROM scratch\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func archive(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := errors.Join(w.WriteHeader(&tar.Header{Name: "Dockerfile", Size: 1, Mode: 0o644}), func() error { _, err := w.Write([]byte("x")); return err }(), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestContext(t *testing.T) {
	dir := write(t, t.TempDir(), "Dockerfile", "sub/Other", "lower/dockerfile")
	for name, tt := range map[string]struct {
		o      spec.Options
		mounts []string
		attrs  map[string]string
		err    string
	}{
		"folder":     {o: spec.Options{Context: dir}, mounts: []string{"context", "dockerfile"}, attrs: map[string]string{"filename": "Dockerfile"}},
		"other":      {o: spec.Options{Context: dir, File: filepath.Join(dir, "sub/Other")}, mounts: []string{"context", "dockerfile"}, attrs: map[string]string{"filename": "Other"}},
		"lower":      {o: spec.Options{Context: filepath.Join(dir, "lower")}, mounts: []string{"context", "dockerfile"}, attrs: map[string]string{"filename": "dockerfile"}},
		"piped file": {o: spec.Options{Context: dir, File: "-", Stdin: strings.NewReader("FROM scratch")}, mounts: []string{"context", "dockerfile"}, attrs: map[string]string{"filename": "Dockerfile"}},
		"only file":  {o: spec.Options{Context: "-", Stdin: strings.NewReader("FROM scratch")}, mounts: []string{"context", "dockerfile"}, attrs: map[string]string{"filename": "Dockerfile"}},
		"tar":        {o: spec.Options{Context: "-", File: "a/b", Stdin: bytes.NewReader(archive(t))}, attrs: map[string]string{"filename": "a/b"}},
		"git":        {o: spec.Options{Context: "https://example.com/a.git#main:sub"}, attrs: map[string]string{"context": "https://example.com/a.git#main:sub"}},
		"git, file":  {o: spec.Options{Context: "git@example.com:a.git", File: filepath.Join(dir, "Dockerfile")}, mounts: []string{"dockerfile"}, attrs: map[string]string{"dockerfilekey": "dockerfile"}},
		"named":      {o: spec.Options{Context: dir, Contexts: map[string]string{"context": dir, "img": "docker-image://x"}}, mounts: []string{"_context", "context", "dockerfile"}, attrs: map[string]string{"context:context": "local:_context", "context:img": "docker-image://x"}},
		"both":       {o: spec.Options{Context: "-", File: "-"}, err: "stdin for both"},
		"none":       {o: spec.Options{Context: filepath.Join(dir, "no")}, err: "not found"},
		"a file":     {o: spec.Options{Context: filepath.Join(dir, "Dockerfile")}, err: "not found"},
		"nothing":    {o: spec.Options{Context: "-", Stdin: strings.NewReader("")}, err: "standard input is empty"},
		"no folder":  {o: spec.Options{Context: dir, File: filepath.Join(dir, "no/file")}, err: "no such file or directory"},
		"is folder":  {o: spec.Options{Context: dir, File: filepath.Join(dir, "sub")}, err: "is a folder"},
		"bad name":   {o: spec.Options{Context: dir, Contexts: map[string]string{"x": filepath.Join(dir, "Dockerfile")}}, err: "is not a folder"},
		"no layout":  {o: spec.Options{Context: dir, Contexts: map[string]string{"x": "oci-layout://" + dir}}, err: "no OCI layout"},
		"no secret":  {o: spec.Options{Context: dir, Secrets: []spec.Secret{{ID: "a", File: "/nope"}}}, err: "failed to stat /nope"},
		"no agent":   {o: spec.Options{Context: dir, SSH: []spec.SSH{{ID: "default"}}}, err: "SSH_AUTH_SOCK"},
		"network":    {o: spec.Options{Context: dir, Network: "mine"}, err: "not supported"},
		"cache":      {o: spec.Options{Context: dir, CacheFrom: []spec.Cache{{Type: "local", Attrs: map[string]string{}}}}, err: "requires src"},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := planned(t, &tt.o)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var mounts []string
			for m := range j.solve.LocalMounts {
				mounts = append(mounts, m)
			}
			if slices.Sort(mounts); !slices.Equal(mounts, tt.mounts) {
				t.Errorf("mounts %v", mounts)
			}
			for k, v := range tt.attrs {
				if j.solve.FrontendAttrs[k] != v {
					t.Errorf("%s is %q", k, j.solve.FrontendAttrs[k])
				}
			}
		})
	}
}

func TestIsArchive(t *testing.T) {
	old := make([]byte, sniff)
	copy(old, "name")
	copy(old[148:], "000655\x00 ")
	for name, tt := range map[string]struct {
		head []byte
		want bool
	}{
		"tar": {archive(t)[:sniff], true}, "gzip": {[]byte("\x1f\x8b\x08"), true}, "zstd": {[]byte("\x28\xb5\x2f\xfd"), true},
		"xz": {[]byte("\xfd7zXZ\x00"), true}, "bzip2": {[]byte("BZh9"), true}, "text": {[]byte("FROM scratch\n"), false},
		"long text": {bytes.Repeat([]byte("#"), sniff), false}, "zeros": {make([]byte, sniff), false}, "empty": {nil, false},
	} {
		if got := isArchive(tt.head); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func FuzzIsArchive(f *testing.F) {
	f.Add([]byte("FROM scratch"))
	f.Add(bytes.Repeat([]byte{0xff}, sniff))
	f.Fuzz(func(_ *testing.T, head []byte) { isArchive(head[:min(len(head), sniff)]) })
}

func TestAttrs(t *testing.T) {
	o := &spec.Options{
		BuildArgs: map[string]string{"A": "b"}, Labels: map[string]string{"l": ""}, Target: "t", Platforms: []string{"linux/amd64", "linux/arm64"},
		AddHosts: []string{"a=1", "b=2"}, Ulimits: []string{"nofile=1:2"}, ShmSize: 64, Network: "host", NoCache: true,
		Attest: map[string]string{"sbom": "", "provenance": "disabled=true"},
	}
	got := attrs(o)
	for k, v := range map[string]string{
		"build-arg:A": "b", "label:l": "", "target": "t", "platform": "linux/amd64,linux/arm64", "add-hosts": "a=1,b=2",
		"ulimit": "nofile=1:2", "shm-size": "64", "force-network-mode": "host", "no-cache": "", "attest:sbom": "", "image-resolve-mode": "local",
	} {
		if value, ok := got[k]; !ok || value != v {
			t.Errorf("%s: %q, %t", k, value, ok)
		}
	}
	if _, ok := got["attest:provenance"]; ok {
		t.Error("an attestation that is off is asked for")
	}
	if e := entitlements(o); !slices.Equal(e, []string{hostNetwork}) {
		t.Errorf("entitlements %v", e)
	}
	if got := attrs(&spec.Options{Pull: true, NoCacheFilter: []string{"a", "b"}}); got["image-resolve-mode"] != "pull" || got["no-cache"] != "a,b" {
		t.Errorf("%v", got)
	}
}

func TestOutputs(t *testing.T) {
	dir := write(t, t.TempDir(), "Dockerfile", "old")
	out := func(o ...spec.Output) *spec.Options { return &spec.Options{Context: dir, Outputs: o} }
	for name, o := range map[string]*spec.Options{
		"a folder":     out(spec.Output{Type: "tar", Dest: dir}),
		"no folder":    out(spec.Output{Type: "tar", Dest: filepath.Join(dir, "no/x")}),
		"a file":       out(spec.Output{Type: "local", Dest: filepath.Join(dir, "old")}),
		"local stdout": out(spec.Output{Type: "local", Dest: "-"}),
		"twice":        out(spec.Output{Type: "image"}, spec.Output{Type: "image"}),
	} {
		if _, err := planned(t, o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	j, err := planned(t, out(spec.Output{Type: "tar", Dest: filepath.Join(dir, "old")}))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil { // a build that failed
		t.Fatal(err)
	}
	j.cleanup = nil
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	j, err = planned(t, out(spec.Output{Type: "tar", Dest: filepath.Join(dir, "old")}))
	if err != nil {
		t.Fatal(err)
	}
	w, err := j.solve.Exports[0].Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "new"); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "old")); err != nil || string(data) != "new" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestStatusNames(t *testing.T) {
	id := digest.FromString("x").String()
	for tag, want := range map[string]string{"docker.io/library/a:1": "naming to docker.io/library/a:1", "": "naming to " + id} {
		from, to := make(chan *client.SolveStatus, 1), make(chan *client.SolveStatus, 1)
		from <- &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "naming to " + danglingPrefix + "@" + id}, {ID: "other"}}}
		close(from)
		var tags []string
		if tag != "" {
			tags = []string{tag}
		}
		nameInStatus(from, to, tags)
		if s := <-to; s.Statuses[0].ID != want || s.Statuses[1].ID != "other" {
			t.Errorf("%q: %q", tag, s.Statuses[0].ID)
		}
	}
}

func TestResult(t *testing.T) {
	got := decodeMetadata(map[string]string{"containerimage.digest": "sha256:x", "containerimage.descriptor": "eyJhIjoxfQ=="})
	if got["containerimage.digest"] != "sha256:x" {
		t.Errorf("%v", got)
	}
	if raw, ok := got["containerimage.descriptor"].(interface{ MarshalJSON() ([]byte, error) }); !ok {
		t.Errorf("%T", got["containerimage.descriptor"])
	} else if data, err := raw.MarshalJSON(); err != nil || string(data) != `{"a":1}` {
		t.Errorf("%s, %v", data, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := solveError(ctx, errors.New("failed to solve: no")); err.Error() != "failed to solve: no" {
		t.Error(err)
	}
	cancel()
	if err := solveError(ctx, errors.New("canceled")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
