package image

import (
	"bytes"
	"io"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/klauspost/compress/gzip"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What was built here is compressed when it is sent, once; anything else is sent as
// it is.
func TestPacked(t *testing.T) {
	s, _ := newService(t)
	ctx, done, err := s.leased(testContext(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(false); err != nil {
			t.Error(err)
		}
	}()
	store := s.client.Content()
	plain := bytes.Repeat([]byte("layer "), 10000)
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(plain), Size: int64(len(plain))}
	if err := content.WriteBlob(ctx, store, "layer", bytes.NewReader(plain), layer); err != nil {
		t.Fatal(err)
	}
	config, err := s.writeJSON(ctx, ocispec.MediaTypeImageConfig, ocispec.Image{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer}}
	target, err := s.writeJSON(ctx, manifest.MediaType, manifest, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.packed(ctx, target); err != nil || got.Digest != target.Digest {
		t.Errorf("an image from elsewhere: %+v, %v", got, err)
	}
	if err := s.markBuilt(ctx, target); err != nil {
		t.Fatal(err)
	}
	got, err := s.packed(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	var sent ocispec.Manifest
	if err := readJSON(ctx, store, got, &sent); err != nil {
		t.Fatal(err)
	}
	packed := sent.Layers[0]
	if packed.MediaType != ocispec.MediaTypeImageLayerGzip || packed.Size >= layer.Size || sent.Config.Digest != config.Digest {
		t.Errorf("%+v", sent)
	}
	data, err := content.ReadBlob(ctx, store, packed)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(z); err != nil || !bytes.Equal(back, plain) {
		t.Errorf("%d bytes, %v", len(back), err)
	}
	info, err := store.Info(ctx, layer.Digest)
	if err != nil || info.Labels[labelPacked] != packed.Digest.String() {
		t.Errorf("labels %v, %v", info.Labels, err)
	}
	if again, err := s.packed(ctx, target); err != nil || again.Digest != got.Digest {
		t.Errorf("the second time: %+v, %v", again, err)
	}
}
