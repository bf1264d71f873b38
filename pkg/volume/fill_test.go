package volume

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// imageRoot is an image's root file system with content at /data.
func imageRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "data/sub"), 0o750))
	must(t, os.WriteFile(filepath.Join(root, "data/file"), []byte("image"), 0o640))
	must(t, os.WriteFile(filepath.Join(root, "data/sub/deep"), []byte("deep"), 0o600))
	must(t, os.Symlink("/data", filepath.Join(root, "alias")))
	must(t, os.Symlink("../../../../..", filepath.Join(root, "up")))
	must(t, os.MkdirAll(filepath.Join(root, "empty"), 0o700))
	must(t, os.Chmod(filepath.Join(root, "empty"), os.ModeSticky|0o770))
	return root
}

func (w *world) hold(t *testing.T, name string) *Held {
	t.Helper()
	h, err := w.Hold(t.Context(), CreateOptions{Name: name})
	must(t, err)
	t.Cleanup(h.Release)
	return h
}

func list(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestFill(t *testing.T) {
	w, root := newWorld(t), imageRoot(t)
	for name, target := range map[string]string{"direct": "/data", "link": "/alias"} {
		h := w.hold(t, name)
		if !h.Created || !h.Fillable() {
			t.Errorf("%s: created %t, fillable %t", name, h.Created, h.Fillable())
		}
		must(t, h.Fill(t.Context(), root, target, "c1"))
		if got := list(t, h.Path()); got != "file sub" {
			t.Errorf("%s: %s", name, got)
		}
		if h := w.hold(t, name); h.Fillable() {
			t.Errorf("%s: still to be filled", name)
		}
		if got := list(t, w.folder(name)); got != "_data lock volume.json" {
			t.Errorf("%s: left %s", name, got)
		}
	}
	h := w.hold(t, "empty")
	must(t, h.Fill(t.Context(), root, "/empty", "c1"))
	if fi, err := os.Stat(h.Path()); err != nil || fi.Mode() != os.ModeDir|os.ModeSticky|0o770 {
		t.Errorf("attributes: %v, %v", fi.Mode(), err)
	}
	if !w.hold(t, "empty").Fillable() {
		t.Error("an empty one cannot be filled later")
	}
	h = w.hold(t, "absent")
	must(t, h.Fill(t.Context(), root, "/not/there", "c1"))
	if err := h.Fill(t.Context(), root, "/data/file", "c1"); err == nil || err.Error() != "cannot mount volume over existing file, file exists /data/file" {
		t.Errorf("over a file: %v", err)
	}
	// Up from the root is the root, as in a container.
	must(t, h.Fill(t.Context(), root, "/up/data", "c1"))
	if got := list(t, h.Path()); got != "file sub" {
		t.Errorf("up: %s", got)
	}
}

func TestFillLeavesWhatIsThere(t *testing.T) {
	w, root := newWorld(t), imageRoot(t)
	h := w.hold(t, "vv")
	must(t, os.WriteFile(filepath.Join(h.Path(), "own"), nil, 0o600))
	must(t, h.Fill(t.Context(), root, "/data", "c1"))
	if got := list(t, h.Path()); got != "own" {
		t.Error(got)
	}
}

// A process that is killed while it copies leaves a draft, which is thrown away;
// one killed afterwards leaves a whole copy, of which the rest is moved.
func TestFillAfterKill(t *testing.T) {
	w, root := newWorld(t), imageRoot(t)
	h := w.hold(t, "draft")
	must(t, os.MkdirAll(filepath.Join(w.folder("draft"), draftCopy, "partial"), 0o700))
	must(t, h.Fill(t.Context(), root, "/data", "c1"))
	if got := list(t, h.Path()); got != "file sub" {
		t.Errorf("after a draft: %s", got)
	}
	h = w.hold(t, "moved")
	whole := filepath.Join(w.folder("moved"), wholeCopy)
	must(t, os.CopyFS(whole, os.DirFS(filepath.Join(root, "data"))))
	must(t, os.Rename(filepath.Join(whole, "file"), filepath.Join(h.Path(), "file")))
	h = w.hold(t, "moved")
	if !h.Fillable() {
		t.Error("the rest is forgotten")
	}
	must(t, h.Fill(t.Context(), root, "/data", "c1"))
	if got := list(t, h.Path()) + ", " + list(t, w.folder("moved")); got != "file sub, _data lock volume.json" {
		t.Errorf("after a whole copy: %s", got)
	}
}

func TestManyFillOne(t *testing.T) {
	w, root := newWorld(t), imageRoot(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h, err := w.Hold(t.Context(), CreateOptions{Name: "one"})
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Release()
			if err := h.Fill(t.Context(), root, "/data", "c1"); err != nil {
				t.Error(err)
			}
			if entries, err := os.ReadDir(h.Path()); err != nil || len(entries) != 2 {
				t.Errorf("%v, %v", entries, err)
			}
		})
	}
	wg.Wait()
}

// A folder of the host that a volume stands for is filled too, a tmpfs is not.
func TestFillMounted(t *testing.T) {
	needRoot(t)
	w, root, host := newWorld(t), imageRoot(t), t.TempDir()
	h, err := w.Hold(t.Context(), CreateOptions{Name: "bind", Options: map[string]string{"type": "none", "o": "bind", "device": host}})
	must(t, err)
	defer h.Release()
	if !h.Fillable() {
		t.Error("not to be filled")
	}
	must(t, h.Fill(t.Context(), root, "/data", "c1"))
	if got := list(t, host); got != "file sub" || w.mounted(t, "bind") {
		t.Errorf("%s, mounted %t", got, w.mounted(t, "bind"))
	}
	tmp, err := w.Hold(t.Context(), CreateOptions{Name: "tmp", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}})
	must(t, err)
	defer tmp.Release()
	if tmp.Fillable() {
		t.Error("a tmpfs would be filled")
	}
}

func TestSizes(t *testing.T) {
	w := newWorld(t)
	h := w.hold(t, "vv")
	must(t, os.WriteFile(filepath.Join(h.Path(), "a"), make([]byte, 1000), 0o600))
	must(t, os.Link(filepath.Join(h.Path(), "a"), filepath.Join(h.Path(), "b")))
	must(t, os.MkdirAll(filepath.Join(h.Path(), "dir"), 0o700))
	must(t, os.Symlink("12345", filepath.Join(h.Path(), "dir/link")))
	w.used["vv"] = []string{"c1", "c2"}
	w.make(t, CreateOptions{Name: "mounted", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}})
	usage, err := w.Usage(t.Context())
	if err != nil || len(usage) != 1 || usage[0].UsageData.Size != 1005 || usage[0].UsageData.RefCount != 2 || !slices.Equal(usage[0].Users, []string{"c1", "c2"}) {
		t.Errorf("%+v, %v", usage, err)
	}
	v, err := w.Inspect(t.Context(), "vv", true)
	if err != nil || v.UsageData.Size != 1005 {
		t.Errorf("%+v, %v", v, err)
	}
}
