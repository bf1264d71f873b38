package image

import (
	"bytes"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// abandon does what a killed command does: it leaves a lease with content.
func abandon(t *testing.T, s *Service, owner string) {
	t.Helper()
	ctx, _, err := s.client.Leased(testContext(t), map[string]string{leaseWork: "pull", leaseOwner: owner})
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("part of an image of " + owner)
	desc := ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := content.WriteBlob(ctx, s.client.Content(), owner, bytes.NewReader(data), desc); err != nil {
		t.Fatal(err)
	}
}

func TestRepair(t *testing.T) {
	s, store := newService(t)
	ctx := testContext(t)
	abandon(t, s, "1-1") // process 1 did not start one tick after boot
	leased, done, err := s.leased(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := leases.FromContext(leased); !ok || id == "" {
		t.Error("no lease in the context")
	}
	for _, dry := range []bool{true, false, false} {
		found, err := s.Repair(ctx, dry)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(found)
	}
	if found, err := s.Repair(ctx, true); err != nil || len(found) != 0 {
		t.Errorf("after repair: %v, %v", found, err)
	}
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if all, err := s.client.Leases().List(ctx); err != nil || len(all) != 1 {
		t.Errorf("the lease of a living command is gone: %v, %v", all, err)
	}
	if err := done(false); err != nil {
		t.Error(err)
	}
}

func TestSuccessSweeps(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	abandon(t, s, "1-1")
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "app:1"))
	if all, err := s.client.Leases().List(ctx); err != nil || len(all) != 0 {
		t.Errorf("left leases %v, %v", all, err)
	}
}
