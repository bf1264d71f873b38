package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, rules ...Rule) *Watcher {
	t.Helper()
	w, err := Open(rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// told are changes that have come already: they may come once more, if the batch
// was complete before the last event of several.
type told []Change

// gather takes batches until all that is wanted has come, and wants nothing else.
func (old *told) gather(t *testing.T, w *Watcher, want ...Change) {
	t.Helper()
	*old = append(*old, want...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	left := slices.Clone(want)
	for len(left) > 0 {
		batch, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("%v, without %v", err, left)
		}
		for _, c := range batch {
			if !slices.Contains(*old, c) {
				t.Fatalf("unexpected: %v", c)
			}
			left = slices.DeleteFunc(left, func(w Change) bool { return w == c })
		}
	}
}

func TestMatches(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".dockerignore"), "# comment\nout\n!out/kept\n*.log\n")
	write(t, filepath.Join(dir, "src", "one"), "")
	m, err := newMatcher(Rule{Path: dir, Ignore: []string{"node_modules/", "./tmp"}, Include: []string{"**/*.go", "src", "out/kept", "x.log"}, Context: dir})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"main.go": true, "a/b/main.go": true, "src/one": true, "other": false, "node_modules/x.go": false, "tmp/x.go": false, "out/x.go": false,
		"out/kept": true, "x.log": false, ".git/x.go": false, "src/.x.swp": false, "src/x~": false, ".": false, "../outside.go": false,
	} {
		if got := m.matches(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if m.prunes(filepath.Join(dir, "out")) {
		t.Error("an exception below an ignored folder is out of sight")
	}
	if m, err = newMatcher(Rule{Path: dir, Ignore: []string{"node_modules"}}); err != nil || !m.prunes(filepath.Join(dir, "node_modules")) {
		t.Errorf("an ignored folder is watched: %v", err)
	}
	if _, err := newMatcher(Rule{Path: dir, Ignore: []string{"["}}); err == nil {
		t.Error("a bad pattern is taken")
	}
	m, err = newMatcher(Rule{Path: filepath.Join(dir, "src", "one")})
	if err != nil || !m.matches(filepath.Join(dir, "src", "one")) || m.matches(filepath.Join(dir, "src", "two")) {
		t.Errorf("a rule on a file: %v", err)
	}
}

func TestChanges(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("src/a"), "1")
	write(t, at("src/ignored/x"), "1")
	write(t, at("conf"), "1")
	var old told
	w := open(t, Rule{Path: at("src"), Ignore: []string{"ignored"}}, Rule{Path: at("conf")})

	write(t, at("src/a"), "2")
	old.gather(t, w, Change{0, at("src/a")})

	// A file that is replaced, as editors do; what is ignored is not told.
	write(t, at("src/ignored/x"), "2")
	write(t, at("conf.new"), "2")
	if err := os.Rename(at("conf.new"), at("conf")); err != nil {
		t.Fatal(err)
	}
	old.gather(t, w, Change{1, at("conf")})

	if err := os.Remove(at("src/a")); err != nil {
		t.Fatal(err)
	}
	old.gather(t, w, Change{0, at("src/a")})
}

// Files in folders that are just being made are seen, however fast that goes.
func TestNewFolders(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, Rule{Path: dir})
	var want []Change
	seen := map[string]bool{}
	for i := range 40 {
		path := filepath.Join(dir, fmt.Sprint(i%8), fmt.Sprint("deep", i), "file")
		write(t, path, "x")
		for p := path; p != dir; p = filepath.Dir(p) {
			if !seen[p] {
				seen[p] = true
				want = append(want, Change{0, p})
			}
		}
	}
	(&told{}).gather(t, w, want...)
}

func TestFilesAndErrors(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "d", "f"), "")
	write(t, filepath.Join(dir, "no", "f"), "")
	w := open(t, Rule{Path: dir, Ignore: []string{"no"}})
	got, err := w.Files(0)
	if want := []Change{{0, filepath.Join(dir, "d")}, {0, filepath.Join(dir, "d", "f")}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Open([]Rule{{Path: filepath.Join(dir, "none")}}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
