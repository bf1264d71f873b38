package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestWriteFileMakesFoldersAndMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "two" {
		t.Errorf("content is %q, %v", got, err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, dir: 0o700} {
		fi, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", name, fi.Mode().Perm(), want)
		}
	}
	onlyFile(t, dir, "f")
}

// A write that cannot be completed leaves neither a half file nor a temporary one.
func TestWriteFileFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	onlyFile(t, dir, "taken")
	if err := WriteFile(filepath.Join(dir, "plain", "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "plain", "f", "g"), nil, 0o600); err == nil {
		t.Error("a file was used as a folder")
	}
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("folder holds %v, want %s alone", entries, name)
	}
}

// A reader among writers sees one whole content or another.
func TestWriteFileIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	texts := []string{strings.Repeat("a", 20000), strings.Repeat("b", 40000)}
	if err := WriteFile(path, []byte(texts[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, text := range texts {
		writers.Go(func() {
			for range 25 {
				if err := WriteFile(path, []byte(text), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); s != texts[0] && s != texts[1] {
			t.Fatalf("a reader saw %d bytes that nobody wrote", len(s))
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestJSON(t *testing.T) {
	type doc struct {
		A string
		B []int
	}
	path := filepath.Join(t.TempDir(), "x", "doc.json")
	var got doc
	if err := ReadJSON(path, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if err := WriteJSON(path, doc{"a", []int{1, 2}}); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); err != nil || got.A != "a" || len(got.B) != 2 {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty file: %v, want that it does not exist", err)
	}
	if err := os.WriteFile(path, []byte(`{"A":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("torn file: %v, want a syntax error", err)
	}
	if err := WriteJSON(path, func() {}); err == nil {
		t.Error("a function was written as JSON")
	}
}

func TestSameFile(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{file, file, true},
		{file, link, true},
		{file, dir, false},
		{"/nowhere", "/nowhere", true},
		{"/nowhere", "/elsewhere", false},
		{file, "/nowhere", false},
	} {
		if got := SameFile(c.a, c.b); got != c.want {
			t.Errorf("SameFile(%s, %s) is %v", c.a, c.b, got)
		}
	}
}
