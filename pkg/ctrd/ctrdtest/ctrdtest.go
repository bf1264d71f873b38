// Package ctrdtest is a containerd for tests: real stores, in this process, in
// a folder that goes with the test. Images, content, leases and garbage
// collection are containerd's own; there are no tasks, and layers are unpacked
// without mounting, so no privilege is needed.
package ctrdtest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// Namespace is the namespace of the stores.
const Namespace = "test"

// Snapshotter is the name of the only snapshotter.
const Snapshotter = "native"

// Store is a containerd without a daemon.
type Store struct {
	*ctrd.Client
	DB *metadata.DB
}

// New makes an empty store, closed at the end of the test.
func New(t testing.TB) *Store {
	t.Helper()
	dir := t.TempDir()
	blobs, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	snaps, err := native.NewSnapshotter(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := bolt.Open(filepath.Join(dir, "meta.db"), 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	db := metadata.NewDB(file, blobs, map[string]snapshots.Snapshotter{Snapshotter: snaps})
	if err := db.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := ctrd.Local(ctrd.Config{Namespace: Namespace, Snapshotter: Snapshotter}, ctrd.Stores{
		Images:       metadata.NewImageStore(db),
		Content:      db.ContentStore(),
		Leases:       leaseManager{metadata.NewLeaseManager(db), db},
		Snapshotters: db.Snapshotters(),
		Diff:         differ{db.ContentStore()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Store{Client: client, DB: db}
}

// Context is the test's context with the store's namespace in it.
func (s *Store) Context(t testing.TB) context.Context {
	t.Helper()
	return namespaces.WithNamespace(t.Context(), Namespace)
}

// Blobs collects garbage and gives the digests that remain.
func (s *Store) Blobs(t testing.TB) []digest.Digest {
	t.Helper()
	ctx := s.Context(t)
	if _, err := s.DB.GarbageCollect(ctx); err != nil {
		t.Fatal(err)
	}
	var found []digest.Digest
	err := s.Content().Walk(ctx, func(i content.Info) error {
		found = append(found, i.Digest)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// SnapshotNames collects garbage and gives the names of the snapshots that remain.
func (s *Store) SnapshotNames(t testing.TB) []string {
	t.Helper()
	ctx := s.Context(t)
	if _, err := s.DB.GarbageCollect(ctx); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := s.Snapshots("").Walk(ctx, func(_ context.Context, i snapshots.Info) error {
		found = append(found, i.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// leaseManager adds what containerd's lease plugin does to the bare manager: a
// synchronous delete collects garbage.
type leaseManager struct {
	leases.Manager
	db *metadata.DB
}

func (m leaseManager) Delete(ctx context.Context, l leases.Lease, opts ...leases.DeleteOpt) error {
	var o leases.DeleteOptions
	for _, opt := range opts {
		if err := opt(ctx, &o); err != nil {
			return err
		}
	}
	if err := m.Manager.Delete(ctx, l); err != nil || !o.Synchronous {
		return err
	}
	_, err := m.db.GarbageCollect(ctx)
	return err
}

// differ reads a layer to its end and tells its diff id, without writing files:
// that would need the privilege to mount.
type differ struct{ store content.Store }

func (d differ) Apply(ctx context.Context, desc ocispec.Descriptor, _ []mount.Mount, _ ...diff.ApplyOpt) (ocispec.Descriptor, error) {
	ra, err := d.store.ReaderAt(ctx, desc)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer ra.Close()
	stream, err := compression.DecompressStream(content.NewReader(ra))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer stream.Close()
	return readTar(stream)
}

func (d differ) Compare(context.Context, []mount.Mount, []mount.Mount, ...diff.Opt) (ocispec.Descriptor, error) {
	return ocispec.Descriptor{}, fmt.Errorf("compare: %w", errdefs.ErrNotImplemented)
}
