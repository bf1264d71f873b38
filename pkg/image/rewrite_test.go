package image

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// zstdLike says of each layer that it is another, and counts.
func zstdLike(calls *[]digest.Digest) LayerFunc {
	var mu sync.Mutex
	return func(ctx context.Context, store content.Store, l Layer) (Layer, error) {
		mu.Lock()
		defer mu.Unlock()
		*calls = append(*calls, l.Desc.Digest)
		data := []byte("made of " + l.Desc.Digest.String())
		desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerZstd, Digest: digest.FromBytes(data), Size: int64(len(data))}
		err := content.WriteBlob(ctx, store, "made-"+desc.Digest.String(), strings.NewReader(string(data)), desc)
		return Layer{desc, digest.FromString("diff of " + desc.Digest.String())}, err
	}
}

func rewrite(t *testing.T, s *Service, ref string, opts RewriteOptions) *Rewritten {
	t.Helper()
	opts.Work = "convert"
	made, err := s.Rewrite(testContext(t), ref, opts)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestRewriteLayers(t *testing.T) {
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "one", "two"), "app:1"))
	var calls []digest.Digest
	made := rewrite(t, s, "app:1", RewriteOptions{Name: "app:2", Layer: zstdLike(&calls), OSFeature: "erofs"})
	if made.Name != "app:2" || len(calls) != 2 {
		t.Errorf("made %+v of %v", made, calls)
	}
	native, err := s.InspectNative(testContext(t), "app:2", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := native.Manifest
	if native.Image.Target.Digest != made.ID || m.MediaType != ocispec.MediaTypeImageManifest || m.Config.MediaType != ocispec.MediaTypeImageConfig {
		t.Errorf("manifest %+v of %s", m, made.ID)
	}
	config := native.ImageConfig
	if len(m.Layers) != 2 || len(config.RootFS.DiffIDs) != 2 || config.RootFS.DiffIDs[1] != digest.FromString("diff of "+m.Layers[1].Digest.String()) {
		t.Errorf("layers %v, diff ids %v", m.Layers, config.RootFS.DiffIDs)
	}
	if !slices.Contains(config.OSFeatures, "erofs") || len(config.History) == 0 || config.Config.Labels["kind"] != "one+two" {
		t.Errorf("configuration %+v", config)
	}
	// Garbage collection keeps all of it once the first is gone.
	if _, err := s.Remove(testContext(t), "app:1", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	blobs := store.Blobs(t)
	for _, l := range m.Layers {
		if !slices.Contains(blobs, l.Digest) {
			t.Errorf("layer %s is gone", l.Digest)
		}
	}
	if slices.Contains(blobs, calls[0]) {
		t.Error("an old layer stays")
	}
}

func TestRewriteKeepsWhatItDoesNotKnow(t *testing.T) {
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "one"), "app:1"))
	before, err := s.InspectNative(testContext(t), "app:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	made := rewrite(t, s, "app:1", RewriteOptions{Name: "app:oci", OCI: true})
	after, err := s.InspectNative(testContext(t), made.ID.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if before.Manifest.MediaType != images.MediaTypeDockerSchema2Manifest || after.Manifest.MediaType != ocispec.MediaTypeImageManifest ||
		after.Manifest.Layers[0].MediaType != ocispec.MediaTypeImageLayerGzip {
		t.Errorf("types: %+v", after.Manifest)
	}
	if after.ImageConfigDesc.Digest != before.ImageConfigDesc.Digest || after.Manifest.Layers[0].Digest != before.Manifest.Layers[0].Digest {
		t.Error("the format alone was to change")
	}
	var calls []digest.Digest
	made = rewrite(t, s, "app:1", RewriteOptions{Name: "app:3", Layer: zstdLike(&calls)})
	native, err := s.InspectNative(testContext(t), made.ID.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	if err := readJSON(testContext(t), store.Content(), native.ImageConfigDesc, &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"architecture", "config", "created", "history"} {
		if doc[key] == nil {
			t.Errorf("the configuration has lost %s", key)
		}
	}
}

func TestRewritePlatforms(t *testing.T) {
	s, _ := newService(t)
	_, host := registryServer(t)
	ref := host + "/app:1"
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		img := testImage(t, arch, "base", arch)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
	amd, arm := ocispec.Platform{OS: "linux", Architecture: "amd64"}, ocispec.Platform{OS: "linux", Architecture: "arm64"}
	if _, err := s.Pull(testContext(t), ref, PullOptions{Platforms: []ocispec.Platform{amd, arm}}); err != nil {
		t.Fatal(err)
	}
	var calls []digest.Digest
	made := rewrite(t, s, ref, RewriteOptions{Name: "two:1", Platforms: []ocispec.Platform{arm, amd, arm}, Layer: zstdLike(&calls)})
	if len(calls) != 3 {
		t.Errorf("%d layers were made: the one that both have is made once", len(calls))
	}
	native, err := s.InspectNative(testContext(t), made.ID.String(), &arm)
	if err != nil {
		t.Fatal(err)
	}
	if native.Index == nil || len(native.Index.Manifests) != 2 || native.Index.MediaType != ocispec.MediaTypeImageIndex {
		t.Errorf("index %+v", native.Index)
	}
	if _, err := s.Rewrite(testContext(t), ref, RewriteOptions{Work: "convert", Name: "three:1", AllPlatforms: true}); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "linux/riscv64") {
		t.Errorf("all platforms of a part: %v", err)
	}
	s390 := ocispec.Platform{OS: "linux", Architecture: "s390x"}
	if _, err := s.Rewrite(testContext(t), ref, RewriteOptions{Work: "convert", Name: "three:1", Platforms: []ocispec.Platform{s390}}); !errdefs.IsNotFound(err) {
		t.Errorf("a platform that there is not: %v", err)
	}
}

func TestRewriteFails(t *testing.T) {
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "one", "two"), "app:1"))
	before := store.Blobs(t)
	broken := func(ctx context.Context, store content.Store, l Layer) (Layer, error) {
		var calls []digest.Digest
		if _, err := zstdLike(&calls)(ctx, store, l); err != nil {
			return l, err
		}
		return l, errors.New("broken")
	}
	_, err := s.Rewrite(testContext(t), "app:1", RewriteOptions{Work: "convert", Name: "app:2", Layer: broken})
	if err == nil || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "layer sha256:") {
		t.Errorf("error: %v", err)
	}
	if after := store.Blobs(t); len(after) != len(before) {
		t.Errorf("a failure left %d blobs, %d were there", len(after), len(before))
	}
	for _, bad := range []string{"App:2", "app@sha256:" + strings.Repeat("a", 64)} {
		if _, err := s.Rewrite(testContext(t), "app:1", RewriteOptions{Work: "convert", Name: bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("name %s: %v", bad, err)
		}
	}
}

func TestPreload(t *testing.T) {
	s, _ := newService(t)
	_, host := registryServer(t)
	push(t, host+"/one:1", testImage(t, "amd64", "a"))
	push(t, host+"/two:1", testImage(t, "amd64", "b"))
	var mu sync.Mutex
	done := map[string]bool{}
	opts := PreloadOptions{Jobs: 2, Done: func(p Preloaded) {
		mu.Lock()
		defer mu.Unlock()
		done[p.Ref] = p.Err == nil
	}}
	refs := []string{host + "/one:1", host + "/none:1", host + "/two:1", host + "/one:1", "Bad"}
	list, err := s.Preload(testContext(t), refs, opts)
	if err != nil || len(list) != 4 || len(done) != 4 {
		t.Fatalf("%+v %v, told of %v", list, err, done)
	}
	for i, want := range []bool{true, false, true, false} {
		if p := list[i]; (p.Err == nil) != want || p.New != want || done[p.Ref] != want || want != (p.Digest != "") {
			t.Errorf("%d: %+v", i, p)
		}
	}
	opts.Missing = true
	list, err = s.Preload(testContext(t), refs[:1], opts)
	if err != nil || list[0].Err != nil || list[0].New {
		t.Errorf("what is here: %+v %v", list, err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := s.Preload(ctx, refs, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRemoveAsync(t *testing.T) {
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "one"), "app:1"))
	if _, err := s.Remove(testContext(t), "app:1", RemoveOptions{Async: true}); err != nil {
		t.Fatal(err)
	}
	if left := store.Blobs(t); len(left) != 0 { // collects
		t.Errorf("left: %v", left)
	}
}
