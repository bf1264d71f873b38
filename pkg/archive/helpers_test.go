package archive

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// entry is a file of a test's archive.
type entry struct {
	name, link, content string
	kind                byte
	mode                int64
	uid, gid            int
	major, minor        int64
	size                int64 // claimed instead of len(content)
	pax                 map[string]string
}

// makeTar writes an archive. A wrong size cuts it short there.
func makeTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Linkname: e.link, Typeflag: e.kind, Mode: e.mode, Uid: e.uid, Gid: e.gid, Size: int64(len(e.content)),
			Devmajor: e.major, Devminor: e.minor, PAXRecords: e.pax, Format: tar.FormatPAX,
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		switch h.Mode {
		case 0:
			h.Mode = 0o644
		case -1:
			h = &tar.Header{Typeflag: e.kind, PAXRecords: e.pax}
		}
		if e.size != 0 {
			h.Size = e.size
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	return buf.Bytes()
}

// open holds a folder for the length of a test.
func open(t testing.TB, dir string, rule rootfs.Rule) *rootfs.FS {
	t.Helper()
	tree, err := rootfs.Open(dir, rule)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// sandbox makes a folder with a tree to attack, and beside it what must stay as
// it is.
func sandbox(t testing.TB) (root, outside string) {
	t.Helper()
	dir := t.TempDir()
	root, outside = filepath.Join(dir, "root"), filepath.Join(dir, "outside")
	for _, d := range []string{root, outside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(outside, "secret"), "untouched")
	t.Cleanup(func() {
		if !t.Failed() {
			intact(t, outside)
		}
	})
	return root, outside
}

// intact fails if anything outside was changed.
func intact(t testing.TB, outside string) {
	t.Helper()
	list, err := os.ReadDir(outside)
	if err != nil || len(list) != 1 {
		t.Fatalf("outside has %v (%v), want the one file", list, err)
	}
	if got := read(t, filepath.Join(outside, "secret")); got != "untouched" {
		t.Fatalf("the file outside holds %q", got)
	}
	info, err := os.Lstat(filepath.Join(outside, "secret"))
	if err != nil || info.Mode() != 0o644 {
		t.Fatalf("the file outside has the mode %v (%v)", info.Mode(), err)
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func symlink(t testing.TB, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// listing is a tree as text: one line per file, with its kind, and what it holds.
func listing(t testing.TB, root string) string {
	t.Helper()
	var lines []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case info.IsDir():
			rel += "/"
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			rel += " -> " + target
		case info.Mode().IsRegular():
			rel += "=" + read(t, path)
		default:
			rel += " " + info.Mode().Type().String()
		}
		lines = append(lines, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// asRoot is for tests of owners, devices and capabilities, which only root has.
func asRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away and make devices")
	}
}
