package compress

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const text = "The same words come back, however they were put away.\n"

// TestFiles reads what other programs have written. The name of a file says how,
// and whether it is to be refused.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rest, refused := strings.CutPrefix(name, "refused-")
			method, _, _ := strings.Cut(rest, "-")
			if kind, err := Detect(bufio.NewReader(bytes.NewReader(data))); kind != method || err != nil {
				t.Errorf("it is taken for %s, %v", kind, err)
			}
			got, err := readAll(data)
			switch {
			case refused && err == nil:
				t.Error("it is not refused")
			case !refused && (err != nil || string(got) != text):
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func readAll(data []byte) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err == nil {
		err = r.Close()
	}
	return got, err
}

func TestMethods(t *testing.T) {
	for _, method := range []string{Gzip, Zstd, Uncompressed} {
		var packed bytes.Buffer
		w, err := NewWriter(&packed, method)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(packed.Bytes()); string(got) != text || err != nil {
			t.Errorf("%s: %q, %v", method, got, err)
		}
	}
	if _, err := NewWriter(io.Discard, XZ); err == nil {
		t.Error("xz is written")
	}
}

// FuzzReader reads damaged streams, which must neither stop the program nor make
// it ask for more memory than it has.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = readAll(data) // any error will do
	})
}
