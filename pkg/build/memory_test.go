package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/tonistiigi/fsutil"
)

func TestOneFile(t *testing.T) {
	walk := func(f fsutil.FS, target string) string {
		var seen []string
		err := f.Walk(context.WithoutCancel(t.Context()), target, func(path string, d fs.DirEntry, err error) error {
			if info, ierr := d.Info(); ierr != nil || err != nil || info.IsDir() || info.Size() != 4 {
				t.Errorf("%s: %v %v", path, ierr, err)
			}
			seen = append(seen, path)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return strings.Join(seen, " ")
	}
	f := oneFile{"Dockerfile", []byte("FROM")}
	for target, want := range map[string]string{"": "Dockerfile", "/": "Dockerfile", ".": "Dockerfile", "Dockerfile": "Dockerfile", "other": ""} {
		if got := walk(f, target); got != want {
			t.Errorf("%q: %q", target, got)
		}
	}
	// The builder asks for what it needs by name, through a filter.
	filtered, err := fsutil.NewFilterFS(f, &fsutil.FilterOpt{FollowPaths: []string{"Dockerfile", "Dockerfile.dockerignore"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := walk(filtered, ""); got != "Dockerfile" {
		t.Errorf("filtered: %q", got)
	}
	r, err := f.Open("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "FROM" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := f.Open("other"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("other: %v", err)
	}
	if got := walk(oneFile{}, ""); got != "" {
		t.Errorf("empty: %q", got)
	}
	if _, err := (oneFile{}).Open(""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty: %v", err)
	}
}
