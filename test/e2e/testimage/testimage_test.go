package testimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestWriteHoldsWhatItsIndexesName(t *testing.T) {
	img := Image{
		Refs:   []string{"localhost/a:1", "localhost/b:2"},
		Files:  []File{{Name: "bin/"}, {Name: "bin/x", Data: []byte("x")}, {Name: "bin/y", Link: "x"}},
		Config: ocispec.ImageConfig{Cmd: []string{"/bin/x"}},
	}
	var first, second bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if err := Write(w, img); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same image gives two different archives")
	}
	files := untar(t, &first)
	var docker []dockerManifest
	unmarshal(t, files["manifest.json"], &docker)
	if len(docker) != 1 || len(docker[0].RepoTags) != 2 {
		t.Fatalf("manifest.json: %+v", docker)
	}
	for _, name := range append(docker[0].Layers, docker[0].Config) {
		if files[name] == nil {
			t.Errorf("manifest.json names %s, which is missing", name)
		}
	}
	var index ocispec.Index
	unmarshal(t, files["index.json"], &index)
	if len(index.Manifests) != 2 {
		t.Fatalf("index.json: %+v", index)
	}
	var manifest ocispec.Manifest
	unmarshal(t, files[blobPath(index.Manifests[0].Digest)], &manifest)
	var config ocispec.Image
	unmarshal(t, files[blobPath(manifest.Config.Digest)], &config)
	if config.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Error("the layer's digest is not its diff id, though it is not compressed")
	}
}

func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[hdr.Name] = data
	}
}

func unmarshal(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
}
