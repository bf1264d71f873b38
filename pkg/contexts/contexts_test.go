package contexts

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
)

var full = Context{
	Name: "prod", Description: "a machine", Host: "/x.sock", Namespace: "k8s.io", DataRoot: "/d", RunRoot: "/r", Snapshotter: "native",
}

func TestLife(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "a", "b")}
	if err := s.Create(full); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(full); !errors.Is(err, errdefs.ErrAlreadyExists) || err.Error() != `context "prod" already exists` {
		t.Errorf("a second one: %v", err)
	}
	got, err := s.Get("prod")
	if d := cmp.Diff(full, got); d != "" || err != nil {
		t.Errorf("%v%s", err, d)
	}
	changed := full
	changed.Host = "ssh://u@h"
	if err := s.Update(changed); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if d := cmp.Diff([]Context{{Name: Default}, changed}, list); d != "" || err != nil {
		t.Errorf("%v%s", err, d)
	}
	if err := s.Use("prod"); err != nil {
		t.Fatal(err)
	}
	if current, err := s.Current(); current != "prod" || err != nil {
		t.Errorf("%q, %v", current, err)
	}
	if err := s.Remove("prod", false); !errors.Is(err, errdefs.ErrFailedPrecondition) {
		t.Errorf("removing the current one: %v", err)
	}
	if err := s.Remove("prod", true); err != nil {
		t.Fatal(err)
	}
	if current, err := s.Current(); current != Default || err != nil {
		t.Errorf("%q, %v", current, err)
	}
	if left, _ := os.ReadDir(s.Dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestErrors(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.Dir, "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		`context "none": context not found`:    s.Use("none"),
		`context "none" does not exist`:        s.Remove("none", false),
		`"default" is a reserved context name`: s.Create(Context{Name: Default}),
		`context "default" cannot be removed`:  s.Remove(Default, true),
	} {
		if err == nil || err.Error() != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	for _, name := range []string{"", "a", "../x", ".ab", "a/b", "a b", strings.Repeat("x", 129)} {
		if err := s.Create(Context{Name: name}); !errors.Is(err, errdefs.ErrInvalidArgument) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if list, err := s.List(); err == nil || len(list) != 1 || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("%v, %v", list, err)
	}
	if err := s.Remove("none", true); err != nil {
		t.Error(err)
	}
	var none Store
	if err := none.Create(full); err == nil {
		t.Error("kept nowhere")
	}
	if current, err := none.Current(); current != Default || err != nil {
		t.Errorf("%q, %v", current, err)
	}
	if list, err := none.List(); len(list) != 1 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}

func TestCheckHost(t *testing.T) {
	for host, want := range map[string]string{
		"":                "",
		"/a.sock":         "/a.sock",
		"unix:///a.sock":  "/a.sock",
		"ssh://h":         "ssh://h",
		"ssh://u@h:2222/": "ssh://u@h:2222",
		"ssh://[::1]:22":  "ssh://[::1]:22",
	} {
		if got, err := CheckHost(host); got != want || err != nil {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
	for _, host := range []string{"a.sock", "tcp://h:1", "unix://a", "ssh://", "ssh://u:secret@h", "ssh://h/x", "ssh://-oProxyCommand=x", "ssh://-x@h", "http://h"} {
		_, err := CheckHost(host)
		if !errors.Is(err, errdefs.ErrInvalidArgument) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestExportImport(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if err := s.Create(full); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := s.Export("prod", &archive); err != nil {
		t.Fatal(err)
	}
	if err := s.Import("copy", bytes.NewReader(archive.Bytes())); err != nil {
		t.Fatal(err)
	}
	want := full
	want.Name = "copy"
	if got, err := s.Get("copy"); cmp.Diff(want, got) != "" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if err := s.Import("copy", &archive); !errors.Is(err, errdefs.ErrAlreadyExists) {
		t.Errorf("over another: %v", err)
	}
	for name, data := range map[string]string{
		"empty":          "",
		"not an archive": strings.Repeat("x", 1024),
		"no meta":        tarOf(t, "other", "{}"),
		"not JSON":       tarOf(t, metaName, "x"),
		"a bad host":     tarOf(t, metaName, `{"Endpoints":{"docker":{"Host":"tcp://h:1"}}}`),
		"huge":           tarOf(t, metaName, strings.Repeat(" ", maxMeta+1)),
	} {
		if err := s.Import("bad", strings.NewReader(data)); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Get("bad"); err == nil {
			t.Fatalf("%s was kept", name)
		}
	}
}

func tarOf(t *testing.T, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o600})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := Store{Dir: t.TempDir()}
		if err := s.Import("x1", bytes.NewReader(data)); err != nil {
			if entries, _ := os.ReadDir(s.Dir); len(entries) > 0 {
				t.Error("something was kept")
			}
		}
	})
}
