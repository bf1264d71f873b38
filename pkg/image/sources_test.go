package image

import (
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
)

// An image that is not here whole is no base for anybody.
func TestSources(t *testing.T) {
	s, store := newService(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "example.com/aa:1"))
	load(t, s, archiveOf(t, testImage(t, "arm64", "b"), "docker.io/library/bb:latest"))
	load(t, s, archiveOf(t, testImage(t, "amd64", "nameless")))
	broken := load(t, s, archiveOf(t, testImage(t, "amd64", "c"), "example.com/cc:1"))
	ctx := namespaces.WithNamespace(t.Context(), ctrdtest.Namespace)
	img, err := s.Resolve(ctx, "example.com/cc:1")
	if err != nil {
		t.Fatal(err)
	}
	found, err := variants(ctx, store.Client.Content(), img.Target)
	if err != nil || len(found) != 1 || len(broken) != 1 {
		t.Fatal(found, err)
	}
	if err := store.Client.Content().Delete(ctx, found[0].Manifest.Layers[0].Digest); err != nil {
		t.Fatal(err)
	}
	got, contents, err := s.Sources(t.Context())
	if err != nil || contents == nil {
		t.Fatal(err)
	}
	platforms := map[string]string{}
	for _, source := range got {
		platforms[source.Name] = source.Platforms[0]
	}
	if len(platforms) != 2 || platforms["example.com/aa:1"] != "linux/amd64" || platforms["bb:latest"] != "linux/arm64" {
		t.Error(platforms)
	}
}
