package deferred

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample makes files below a folder and the tar of them.
func sample(t *testing.T) (dir string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header, text string) {
		t.Helper()
		h.Size = int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	long := "d/" + strings.Repeat("long", 50)
	add(&tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755}, "")
	for name, text := range map[string]string{"d/a": "aaa", "d/block": strings.Repeat("x", 512), "d/empty": "", long: "text", "d/ü": "umlaut"} {
		if err := os.MkdirAll(filepath.Join(dir, "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y"}}, text)
	}
	add(&tar.Header{Typeflag: tar.TypeLink, Name: "d/hard", Linkname: "d/a"}, "")
	add(&tar.Header{Typeflag: tar.TypeSymlink, Name: "d/soft", Linkname: "/etc/passwd"}, "")
	add(&tar.Header{Typeflag: tar.TypeReg, Name: ".wh.gone"}, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.Write(make([]byte, 4096)) // some writers fill the last record
	return dir, b.Bytes()
}

func record(data []byte, chunk int) ([]byte, error) {
	r := NewRecorder()
	for len(data) > 0 {
		n := min(chunk, len(data))
		_, _ = r.Write(data[:n])
		data = data[n:]
	}
	return r.Finish()
}

func TestRestore(t *testing.T) {
	dir, data := sample(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, chunk := range []int{1, 511, 4096, len(data)} {
		recipe, err := record(data, chunk)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := Restore(&out, bytes.NewReader(recipe), root); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), data) {
			t.Errorf("chunks of %d: %d bytes differ from %d", chunk, out.Len(), len(data))
		}
	}
}

// What is no tar has no recipe, and does not stop its writer.
func TestNoTar(t *testing.T) {
	for _, data := range [][]byte{bytes.Repeat([]byte{0x28, 0xb5, 0x2f, 0xfd}, 1000), []byte("short")} {
		if _, err := record(data, 100); err == nil {
			t.Errorf("%d bytes have a recipe", len(data))
		}
	}
}

func TestFolder(t *testing.T) {
	dir, data := sample(t)
	recipe, err := record(data, 512)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	f := In(t.TempDir())
	if _, err := f.Get(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	if err := os.Mkdir(string(f), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, "/nowhere", dir} { // the last one counts first
		if err := f.Put(name, int64(len(data)), d, recipe); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Put(name, int64(len(data)), "/nowhere", recipe); err != nil {
		t.Fatal(err)
	}
	l, err := f.Get(name)
	if err != nil || l.Size != int64(len(data)) || strings.Join(l.Dirs, " ") != "/nowhere "+dir {
		t.Errorf("%+v, %v", l, err)
	}
	if names, err := f.Names(); err != nil || len(names) != 1 || names[0] != name {
		t.Errorf("%v, %v", names, err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := f.Restore(name, out); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out.Name()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "d/a"), []byte("bbb"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(name, out); err == nil || !strings.Contains(err.Error(), "have changed") {
		t.Errorf("changed: %v", err)
	}
	if err := f.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := f.Put("../x", 1, dir, recipe); err == nil {
		t.Error("a name that leads elsewhere is taken")
	}
}

// A recipe does not reach outside its folder.
func TestOutside(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../../etc/passwd", Size: 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("xyz")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	recipe, err := record(b.Bytes(), 512)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := Restore(&bytes.Buffer{}, bytes.NewReader(recipe), root); err == nil {
		t.Error("a file outside is read")
	}
}

func FuzzRestore(f *testing.F) {
	recipe, err := record(bytes.Repeat([]byte{0}, 1024), 512)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recipe)
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = Restore(&bytes.Buffer{}, bytes.NewReader(data), root) // no panic is all that is asked
	})
}
