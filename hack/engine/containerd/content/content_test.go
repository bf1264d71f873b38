package content

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// layer makes a file below a folder, the tar of it and its recipe.
func layer(t *testing.T) (dir string, data, recipe []byte) {
	t.Helper()
	dir = t.TempDir()
	text := bytes.Repeat([]byte("text"), 1000)
	if err := os.WriteFile(filepath.Join(dir, "f"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rec := deferred.NewRecorder()
	_, _ = rec.Write(b.Bytes())
	recipe, err := rec.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return dir, b.Bytes(), recipe
}

func walk(t *testing.T, s content.Store) int {
	t.Helper()
	n := 0
	if err := s.Walk(t.Context(), func(content.Info) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDeferredLayer(t *testing.T) {
	ctx := t.Context()
	root := t.TempDir()
	s, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	dir, data, recipe := layer(t)
	d := digest.FromBytes(data)
	if _, err := s.Info(ctx, d); !errdefs.IsNotFound(err) {
		t.Errorf("before: %v", err)
	}
	if _, err := s.ReaderAt(ctx, ocispecs.Descriptor{Digest: d}); !errdefs.IsNotFound(err) {
		t.Errorf("before: %v", err)
	}
	put := func() {
		t.Helper()
		if err := deferred.In(root).Put(d.Encoded(), int64(len(data)), dir, recipe); err != nil {
			t.Fatal(err)
		}
	}
	put()
	if info, err := s.Info(ctx, d); err != nil || info.Size != int64(len(data)) || walk(t, s) != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	got, err := content.ReadBlob(ctx, s, ocispecs.Descriptor{Digest: d, Size: int64(len(data))})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := walk(t, s); n != 1 {
		t.Errorf("%d blobs once it has been read", n)
	}
	put() // a builder that does not know better
	if err := s.Delete(ctx, d); err != nil {
		t.Fatal(err)
	}
	if n := walk(t, s); n != 0 {
		t.Errorf("%d blobs once it is deleted", n)
	}
	put()
	if err := s.Delete(ctx, d); err != nil || walk(t, s) != 0 {
		t.Errorf("deleting a recipe: %v", err)
	}
}

// Files that are not what they were are an error, and leave nothing behind.
func TestChangedFiles(t *testing.T) {
	root := t.TempDir()
	s, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	dir, data, recipe := layer(t)
	d := digest.FromBytes(data)
	if err := deferred.In(root).Put(d.Encoded(), int64(len(data)), dir, recipe); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), bytes.Repeat([]byte("fake"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := s.ReaderAt(t.Context(), ocispecs.Descriptor{Digest: d}); err == nil {
		_, _ = io.Copy(io.Discard, content.NewReader(r))
		t.Error("a layer of other files is read")
	}
	if left, _ := filepath.Glob(filepath.Join(string(deferred.In(root)), making+"*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	if _, err := New(root); err != nil {
		t.Fatal(err)
	}
	dir := string(deferred.In(root))
	for _, name := range []string{making + "1", unfinished + "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(root); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != unfinished+"1" {
		t.Errorf("%v, %v", left, err)
	}
}
