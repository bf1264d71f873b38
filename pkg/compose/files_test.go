package compose

import (
	"os"
	"path/filepath"
	"testing"
)

// Containers that are made at the same time want the same file.
func TestWriteFilesAtOnce(t *testing.T) {
	f := contentFile{path: filepath.Join(t.TempDir(), "p", "f"), content: []byte("x"), uid: os.Getuid(), gid: os.Getgid(), mode: 0o440}
	results := make(chan error)
	for range 20 {
		go func() { results <- writeFiles([]contentFile{f}) }()
	}
	for range 20 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != f.mode {
		t.Errorf("%v, %v", info, err)
	}
}
