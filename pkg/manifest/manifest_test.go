package manifest

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/registry"
)

// registryHost is an in-process registry.
func registryHost(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func named(t *testing.T, text string) reference.Named {
	t.Helper()
	ref, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		t.Fatal(err)
	}
	return reference.TagNameOnly(ref)
}

// push puts an image for linux/arch into a registry.
func push(t *testing.T, ref, arch string, kind types.MediaType) v1.Image {
	t.Helper()
	img, err := random.Image(256, 2)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", arch
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	img = mutate.MediaType(img, kind)
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestList(t *testing.T) {
	ctx := t.Context()
	host, far := registryHost(t), registryHost(t)
	s := New(t.TempDir(), registry.New(registry.Config{}))
	push(t, host+"/app:amd64", "amd64", types.OCIManifestSchema1)
	push(t, host+"/elsewhere:arm", "arm", types.OCIManifestSchema1)
	push(t, far+"/far:s390x", "s390x", types.OCIManifestSchema1)
	list, arm := named(t, host+"/app:1"), named(t, host+"/elsewhere:arm")
	refs := []reference.Named{named(t, host+"/app:amd64"), arm}
	if err := s.Create(ctx, list, refs, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, list, refs, false); err == nil || !strings.Contains(err.Error(), "refusing to amend") {
		t.Errorf("twice: %v", err)
	}
	if err := s.Create(ctx, list, []reference.Named{named(t, far+"/far:s390x"), arm}, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Annotate(list, arm, ocispec.Platform{Variant: "v7", OSFeatures: []string{"a", "a"}}); err != nil {
		t.Fatal(err)
	}
	e, err := s.InspectIn(list, arm)
	if err != nil || e.Descriptor.Platform.Variant != "v7" || e.Descriptor.Platform.Architecture != "arm" || len(e.Descriptor.Platform.OSFeatures) != 1 {
		t.Errorf("annotated: %+v, %v", e, err)
	}
	digest, err := s.Push(ctx, list)
	if err != nil {
		t.Fatal(err)
	}
	// All of it is in the repository, readable by anyone.
	tag, err := name.ParseReference(list.String(), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := index.Digest(); err != nil || got.String() != digest.String() {
		t.Errorf("pushed %s, got %s, %v", digest, got, err)
	}
	for _, arch := range []string{"amd64", "arm", "s390x"} {
		p := v1.Platform{OS: "linux", Architecture: arch}
		if arch == "arm" {
			p.Variant = "v7"
		}
		img, err := remote.Image(tag, remote.WithPlatform(p))
		if err != nil {
			t.Errorf("%s: %v", arch, err)
			continue
		}
		layers, err := img.Layers()
		if err != nil || len(layers) != 2 {
			t.Errorf("%s: %d layers, %v", arch, len(layers), err)
		}
		for _, l := range layers {
			rc, err := l.Compressed()
			if err != nil {
				t.Errorf("%s: %v", arch, err)
				continue
			}
			if _, err := io.Copy(io.Discard, rc); err != nil {
				t.Errorf("%s: %v", arch, err)
			}
		}
	}
	if err := s.Remove(list); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(list); !errdefs.IsNotFound(err) {
		t.Errorf("removed twice: %v", err)
	}
	// Without the local list the name is looked up in the registry.
	entries, got, single, err := s.Inspect(ctx, list)
	if err != nil || single || len(entries) != 3 || len(got.Manifests) != 3 || got.MediaType != ocispec.MediaTypeImageIndex {
		t.Errorf("remote: %d entries, %+v, %v, %v", len(entries), got, single, err)
	}
	if err := s.Create(ctx, named(t, host+"/app:2"), []reference.Named{list}, false); err == nil || !strings.Contains(err.Error(), "is a manifest list") {
		t.Errorf("a list in a list: %v", err)
	}
}

func TestDockerFormat(t *testing.T) {
	host := registryHost(t)
	s := New(t.TempDir(), registry.New(registry.Config{}))
	img := push(t, host+"/app:a", "amd64", types.DockerManifestSchema2)
	ref, list := named(t, host+"/app:a"), named(t, host+"/app:l")
	entries, _, single, err := s.Inspect(t.Context(), ref)
	if err != nil || !single || entries[0].SchemaV2Manifest == nil || entries[0].OCIManifest != nil {
		t.Fatalf("got %+v, %v, %v", entries, single, err)
	}
	if raw, err := img.RawManifest(); err != nil || string(raw) != string(entries[0].Raw) {
		t.Errorf("the document differs: %v", err)
	}
	if err := s.Create(t.Context(), list, []reference.Named{ref}, false); err != nil {
		t.Fatal(err)
	}
	_, index, _, err := s.Inspect(t.Context(), list)
	if err != nil || index.MediaType != images.MediaTypeDockerSchema2ManifestList {
		t.Errorf("got %+v, %v", index, err)
	}
}

func TestRejects(t *testing.T) {
	host := registryHost(t)
	s := New(t.TempDir(), registry.New(registry.Config{}))
	push(t, host+"/app:a", "amd64", types.OCIManifestSchema1)
	push(t, host+"/app:none", "", types.OCIManifestSchema1)
	a, none, list := named(t, host+"/app:a"), named(t, host+"/app:none"), named(t, host+"/app:l")
	if err := s.Create(t.Context(), list, []reference.Named{named(t, host+"/absent")}, false); errText(err) != "no such manifest: "+host+"/absent:latest" {
		t.Errorf("absent: %v", err)
	}
	if _, err := s.Push(t.Context(), list); !errdefs.IsNotFound(err) {
		t.Errorf("a failed create left a list: %v", err)
	}
	if err := s.Create(t.Context(), list, []reference.Named{none}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Push(t.Context(), list); err == nil || !strings.Contains(err.Error(), "must have an OS and Architecture") {
		t.Errorf("without a platform: %v", err)
	}
	if err := s.Annotate(list, none, ocispec.Platform{Architecture: "z80"}); err == nil || !strings.HasSuffix(err.Error(), "linux/z80") {
		t.Errorf("an unknown platform: %v", err)
	}
	if err := s.Annotate(list, a, ocispec.Platform{}); !errdefs.IsNotFound(err) {
		t.Errorf("not in the list: %v", err)
	}
	if _, err := s.InspectIn(list, a); !errdefs.IsNotFound(err) {
		t.Errorf("not in the list: %v", err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
