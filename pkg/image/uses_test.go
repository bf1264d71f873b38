package image

import (
	"context"
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestForeignUses has a kubelet's container, which knows its image by name, keep
// that from removal and pruning.
func TestForeignUses(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "used:1"))
	load(t, s, archiveOf(t, testImage(t, "amd64", "b"), "free:1"))
	s.SetInUse(func(context.Context) (Uses, error) {
		return Uses{"docker.io/library/used:1": {{ID: "pod", Running: true}}}, nil
	})
	list, err := s.List(ctx, ListOptions{Uses: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		want := int64(0)
		if i.RepoTags[0] == "used:1" {
			want = 1
		}
		if i.Containers != want {
			t.Errorf("%s: %d containers", i.RepoTags[0], i.Containers)
		}
	}
	if _, err := s.Remove(ctx, "used:1", RemoveOptions{Force: true}); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("removed: %v", err)
	}
	rep, err := s.Prune(ctx, PruneOptions{All: true})
	if err != nil || len(rep.ImagesDeleted) != 2 || rep.ImagesDeleted[0].Untagged != "free:1" {
		t.Errorf("pruned %+v, %v", rep.ImagesDeleted, err)
	}
	if _, err := s.Resolve(ctx, "used:1"); err != nil {
		t.Error(err)
	}
	broken := errors.New("no containerd")
	s.SetInUse(func(context.Context) (Uses, error) { return nil, broken })
	if _, err := s.Prune(ctx, PruneOptions{All: true}); !errors.Is(err, broken) {
		t.Errorf("pruned without knowing what is in use: %v", err)
	}
}

func TestListManifests(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	_, host := registryServer(t)
	pushIndex(t, host+"/multi:1", map[string]v1.Image{"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b")})
	pulled, err := s.Pull(ctx, host+"/multi:1", PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.SetInUse(func(context.Context) (Uses, error) { return Uses{pulled.Image.ID(): {{ID: "c"}}}, nil })
	list, err := s.List(ctx, ListOptions{Manifests: true})
	if err != nil || len(list) != 1 || len(list[0].Manifests) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	for _, m := range list[0].Manifests {
		here := m.ImageData.Platform.Architecture == "amd64"
		if m.Available != here || (m.Size.Content > 0) != here || (len(m.ImageData.Containers) == 1) != here {
			t.Errorf("%s: %+v", m.ImageData.Platform.Architecture, m)
		}
	}
	sizes, err := s.ContentSizes(ctx, list)
	if err != nil || sizes[pulled.Image.ID()] <= list[0].Manifests[0].Size.Content {
		t.Errorf("sizes %v, %v", sizes, err)
	}
}
