package image

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// noted is a content store that notes what is read.
type noted struct {
	content.Store
	mu   sync.Mutex
	read []string
}

func (n *noted) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	n.mu.Lock()
	n.read = append(n.read, desc.MediaType)
	n.mu.Unlock()
	return n.Store.ReaderAt(ctx, desc)
}

func (n *noted) layers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := len(slices.DeleteFunc(n.read, func(t string) bool { return !images.IsLayerType(t) }))
	n.read = nil
	return count
}

// TestPushReadsNoLayers pushes what the registry has: under the same name, under
// another tag, and from another repository.
func TestPushReadsNoLayers(t *testing.T) {
	store := ctrdtest.New(t)
	reads := &noted{Store: store.DB.ContentStore()}
	client, err := ctrd.Local(ctrd.Config{Namespace: ctrdtest.Namespace, Snapshotter: ctrdtest.Snapshotter}, ctrd.Stores{
		Images: metadata.NewImageStore(store.DB), Content: reads, Leases: metadata.NewLeaseManager(store.DB),
		Snapshotters: store.DB.Snapshotters(), Diff: store.Diff(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(client, testLayout(t), registry.New(registry.Config{}))
	ctx := testContext(t)
	_, host := registryServer(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a", "b", "c"), host+"/app:1"))
	for _, name := range []string{"/app:2", "/other:1"} {
		if err := s.Tag(ctx, host+"/app:1", host+name); err != nil {
			t.Fatal(err)
		}
	}
	reads.layers()
	for _, c := range []struct {
		name string
		want int
	}{{"/app:1", 3}, {"/app:1", 0}, {"/app:2", 0}, {"/other:1", 0}} {
		if _, err := s.Push(ctx, host+c.name, PushOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := reads.layers(); got != c.want {
			t.Errorf("%s: %d layers were read, want %d", c.name, got, c.want)
		}
	}
}
