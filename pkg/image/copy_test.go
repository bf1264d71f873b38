package image

import (
	"slices"
	"testing"

	"github.com/containerd/errdefs"
)

func TestCopyFrom(t *testing.T) {
	from, _ := newService(t)
	to, store := newService(t) // a containerd that shares nothing
	loaded := load(t, from, archiveOf(t, testImage(t, "amd64", "one", "two"), "app:1"))
	ctx := testContext(t)
	if err := to.CopyFrom(ctx, from, "app:1", "kube:1"); err != nil {
		t.Fatal(err)
	}
	img, err := to.Resolve(ctx, "kube:1")
	if err != nil || img.Target.Digest != loaded[0].ID || img.Name != "docker.io/library/kube:1" {
		t.Fatalf("%+v: %v", img, err)
	}
	f, err := to.readFacts(ctx, img.Target, nil)
	if err != nil {
		t.Fatal(err)
	}
	blobs := store.Blobs(t) // collects
	for _, l := range f.Layers {
		if !slices.Contains(blobs, l.Digest) {
			t.Errorf("layer %s is not kept", l.Digest)
		}
	}
	if !slices.Contains(store.SnapshotNames(t), img.ChainID) {
		t.Error("it is not unpacked")
	}
	if err := to.CopyFrom(ctx, from, "none:1", "kube:2"); !errdefs.IsNotFound(err) {
		t.Errorf("missing: %v", err)
	}
	if err := to.CopyFrom(ctx, from, "app:1", "Bad"); !errdefs.IsInvalidArgument(err) {
		t.Errorf("bad name: %v", err)
	}
}
