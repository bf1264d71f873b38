package convert

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/klauspost/compress/gzip"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/compress"
	"github.com/nerd-cli/nerd/pkg/image"
)

var contents = map[string]string{"a/one": "1", "two": strings.Repeat("2", 1<<17), "empty": ""}

func tarOf(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range []string{"a/one", "two", "empty"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(contents[name])), Uid: 7}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, contents[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// layerOf stores a layer, compressed with gzip unless its type is plain.
func layerOf(t *testing.T, plain []byte, mediaType string) (content.Store, image.Layer) {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data := plain
	if strings.HasSuffix(mediaType, "gzip") {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		if _, err := z.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		data = buf.Bytes()
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data)), Annotations: map[string]string{
		"containerd.io/snapshot/stargz/toc.digest": "old", "mine": "kept",
	}}
	if err := content.WriteBlob(t.Context(), store, "layer", bytes.NewReader(data), desc); err != nil {
		t.Fatal(err)
	}
	return store, image.Layer{Desc: desc, DiffID: digest.FromBytes(plain)}
}

// files reads the tar of a layer, and what it is called.
func files(t *testing.T, store content.Store, l image.Layer) (found map[string]string, diffID digest.Digest) {
	t.Helper()
	data, err := content.ReadBlob(t.Context(), store, l.Desc)
	if err != nil {
		t.Fatal(err)
	}
	if digest.FromBytes(data) != l.Desc.Digest || int64(len(data)) != l.Desc.Size {
		t.Errorf("the blob is not what the descriptor says: %+v", l.Desc)
	}
	plain, err := compress.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	digester := digest.Canonical.Digester()
	r := tar.NewReader(io.TeeReader(plain, digester.Hash()))
	found = map[string]string{}
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = string(text)
	}
	if _, err := io.Copy(digester.Hash(), plain); err != nil {
		t.Fatal(err)
	}
	return found, digester.Digest()
}

func TestKinds(t *testing.T) {
	lazy := LazyOptions{Level: 3, First: []string{"two", "none"}}
	for _, c := range []struct {
		name string
		fn   image.LayerFunc
		from string
		want string
		same bool // the content is byte for byte the same
	}{
		{"plain", Uncompressed(), ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayer, true},
		{"plain of Docker's", Uncompressed(), images.MediaTypeDockerSchema2LayerGzip, images.MediaTypeDockerSchema2Layer, true},
		{"zstd", Zstd(3), ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd, true},
		{"zstd of plain", Zstd(19), ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerZstd, true},
		{"estargz", EStargz(lazy), ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerGzip, false},
		{"estargz of Docker's", EStargz(LazyOptions{Level: 9, ChunkSize: 1 << 10, MinChunkSize: 100}), images.MediaTypeDockerSchema2LayerGzip, images.MediaTypeDockerSchema2LayerGzip, false},
		{"zstd:chunked", ZstdChunked(lazy), ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, layer := layerOf(t, tarOf(t), c.from)
			made, err := c.fn(t.Context(), store, layer)
			if err != nil {
				t.Fatal(err)
			}
			if made.Desc.MediaType != c.want {
				t.Errorf("type %s", made.Desc.MediaType)
			}
			found, diffID := files(t, store, made)
			for name, text := range contents {
				if found[name] != text {
					t.Errorf("%s is %.10q", name, found[name])
				}
			}
			if diffID != made.DiffID || c.same != (diffID == layer.DiffID) {
				t.Errorf("content is %s, said to be %s, was %s", diffID, made.DiffID, layer.DiffID)
			}
			if made.Desc.Annotations["mine"] != "kept" || c.same != (made.Desc.Annotations[estargz.TOCJSONDigestAnnotation] == "") {
				t.Errorf("annotations %v", made.Desc.Annotations)
			}
			again, err := c.fn(t.Context(), store, layer)
			if err != nil || again.Desc.Digest != made.Desc.Digest {
				t.Errorf("made anew it is %s: %v", again.Desc.Digest, err)
			}
		})
	}
}

// What is read lazily is found by the table of contents.
func TestLazyContents(t *testing.T) {
	store, layer := layerOf(t, tarOf(t), ocispec.MediaTypeImageLayerGzip)
	made, err := EStargz(LazyOptions{Level: 9, First: []string{"/two"}})(t.Context(), store, layer)
	if err != nil {
		t.Fatal(err)
	}
	ra, err := store.ReaderAt(t.Context(), made.Desc)
	if err != nil {
		t.Fatal(err)
	}
	defer ra.Close()
	r, err := estargz.Open(io.NewSectionReader(ra, 0, made.Desc.Size))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.VerifyTOC(digest.Digest(made.Desc.Annotations[estargz.TOCJSONDigestAnnotation])); err != nil {
		t.Error(err)
	}
	one, ok := r.Lookup("a/one")
	two, ok2 := r.Lookup("two")
	mark, ok3 := r.Lookup(estargz.PrefetchLandmark)
	if !ok || !ok2 || !ok3 || one.UID != 7 || two.Offset > mark.Offset || one.Offset < mark.Offset {
		t.Errorf("one %+v, two %+v, mark %+v", one, two, mark)
	}
}

func TestRefused(t *testing.T) {
	plain := tarOf(t)
	for _, fn := range map[string]image.LayerFunc{"plain": Uncompressed(), "zstd": Zstd(3), "estargz": EStargz(LazyOptions{Level: 9})} {
		store, layer := layerOf(t, plain, ocispec.MediaTypeImageLayerGzip)
		layer.DiffID = digest.FromString("another")
		if _, err := fn(t.Context(), store, layer); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "its content is not") {
			t.Errorf("wrong diff id: %v", err)
		}
		for _, mediaType := range []string{ocispec.MediaTypeImageLayerGzip + "+encrypted", "application/vnd.erofs.layer.v1", "text/plain"} {
			layer.Desc.MediaType = mediaType
			if _, err := fn(t.Context(), store, layer); !errdefs.IsInvalidArgument(err) {
				t.Errorf("%s: %v", mediaType, err)
			}
		}
		store, layer = layerOf(t, []byte("no tar at all"), ocispec.MediaTypeImageLayer)
		layer.Desc.Digest = digest.FromString("not here")
		if _, err := fn(t.Context(), store, layer); !errdefs.IsNotFound(err) {
			t.Errorf("missing: %v", err)
		}
	}
}

// fakeMkfs puts a mkfs.erofs on the PATH.
func fakeMkfs(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, mkfs), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestEROFS(t *testing.T) {
	fakeMkfs(t, "")
	if _, err := EROFS(t.Context(), ""); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "mkfs.erofs is not installed") {
		t.Errorf("no program: %v", err)
	}
	fakeMkfs(t, "echo 'usage: -z -C'; exit 1")
	if _, err := EROFS(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("an old one: %v", err)
	}
	// One that puts its arguments before the tar.
	fakeMkfs(t, `case $1 in --help) echo ' --tar=X'; exit;; esac; for f; do :; done; echo "$1 $2 $8 $9" >"$f"; cat >>"$f"`)
	fn, err := EROFS(t.Context(), "lz4hc,12")
	if err != nil {
		t.Fatal(err)
	}
	plain := tarOf(t)
	store, layer := layerOf(t, plain, ocispec.MediaTypeImageLayerGzip)
	made, err := fn(t.Context(), store, layer)
	if err != nil {
		t.Fatal(err)
	}
	data, err := content.ReadBlob(t.Context(), store, made.Desc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := bytes.Cut(data, []byte("\n"))
	if string(head) != "--tar=f --aufs -zlz4hc,12 -C65536" || !bytes.Equal(rest, plain) {
		t.Errorf("arguments %q, a tar of %d bytes", head, len(rest))
	}
	if made.Desc.MediaType != "application/vnd.erofs.layer.v1" || made.DiffID != made.Desc.Digest {
		t.Errorf("made %+v", made)
	}
	fakeMkfs(t, `case $1 in --help) echo ' --tar=X'; exit;; esac; echo first; echo 'no room' >&2; exit 3`)
	if fn, err = EROFS(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := fn(t.Context(), store, layer); err == nil || !strings.HasSuffix(err.Error(), "exit status 3: no room") {
		t.Errorf("a failure: %v", err)
	}
}

// As containerd makes it of the same layer.
func TestLayerUUID(t *testing.T) {
	if got := layerUUID("sha256:abc"); got != "85e718ef-380a-569e-869f-1e4fa72e8846" {
		t.Errorf("got %s", got)
	}
}
