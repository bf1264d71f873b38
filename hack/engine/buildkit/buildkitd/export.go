package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/progress"
	ociidentity "github.com/opencontainers/image-spec/identity"
)

// snapshotKey is under what BuildKit keeps the name of a result's snapshot.
const snapshotKey = "cache.snapshot"

// imageExporter is BuildKit's exporter to the image store, which unpacks without
// a second copy of the files.
type imageExporter struct {
	exporter.Exporter
	worker *imageWorker
}

// Resolve takes "unpack" to itself. Layers whose time stamps are rewritten are
// not those of the build, so they cannot be unpacked this way: BuildKit refuses
// them, too.
func (e *imageExporter) Resolve(ctx context.Context, id int, attrs map[string]string) (exporter.ExporterInstance, error) {
	rest := make(map[string]string, len(attrs))
	unpack := false
	for k, v := range attrs {
		if k != string(exptypes.OptKeyUnpack) {
			rest[k] = v
			continue
		}
		on, err := strconv.ParseBool(v)
		if err != nil && v != "" {
			return nil, fmt.Errorf("non-bool value specified for %s: %w", k, err)
		}
		unpack = on || v == ""
	}
	inner, err := e.Exporter.Resolve(ctx, id, rest)
	if err != nil || !unpack {
		return inner, err
	}
	return &imageInstance{ExporterInstance: inner, worker: e.worker}, nil
}

type imageInstance struct {
	exporter.ExporterInstance
	worker *imageWorker
}

// Export stores the image and unpacks it.
func (i *imageInstance) Export(ctx context.Context, src *exporter.Source, info exporter.ExportBuildInfo) (
	map[string]string, exporter.FinalizeFunc, exporter.DescriptorReference, error,
) {
	resp, finalize, desc, err := i.ExporterInstance.Export(ctx, src, info)
	if err != nil {
		return nil, nil, nil, err
	}
	done := progress.OneOff(ctx, "unpacking")
	if err := done(i.unpack(ctx, src, desc, session.NewGroup(info.SessionID))); err != nil {
		_ = desc.Release()
		return nil, nil, nil, err
	}
	return resp, finalize, desc, nil
}

// unpack makes the snapshot of the image's chain of layers: an empty one on top
// of that in which the build has left its result. containerd keeps what a
// snapshot is made of, so the result outlives the cache of the builder.
func (i *imageInstance) unpack(ctx context.Context, src *exporter.Source, image exporter.DescriptorReference, s session.Group) error {
	ref, err := hostRef(src)
	if err != nil || ref == nil {
		return err
	}
	ctx, release, err := leaseutil.WithLease(ctx, i.worker.LeaseManager(), leaseutil.MakeTemporary)
	if err != nil {
		return err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }()
	store := i.worker.ContentStore()
	manifest, err := images.Manifest(ctx, store, image.Descriptor(), platforms.Default())
	if err != nil {
		return err
	}
	diffs, err := images.RootFS(ctx, store, manifest.Config)
	if err != nil || len(diffs) == 0 {
		return err
	}
	chain := ociidentity.ChainID(diffs).String()
	if err := i.link(ctx, chain, ref, s); err != nil {
		return err
	}
	key := "containerd.io/gc.ref.snapshot." + i.worker.Snapshotter.Name()
	_, err = store.Update(ctx, content.Info{Digest: manifest.Config.Digest, Labels: map[string]string{key: chain}}, "labels."+key)
	return err
}

// link makes the snapshot chain on top of that of a result.
func (i *imageInstance) link(ctx context.Context, chain string, ref cache.ImmutableRef, s session.Group) error {
	sn, release := snapshot.NewContainerdSnapshotter(i.worker.Snapshotter)
	defer release()
	lease, _ := leases.FromContext(ctx)
	err := i.worker.LeaseManager().AddResource(ctx, leases.Lease{ID: lease}, leases.Resource{ID: chain, Type: "snapshots/" + i.worker.Snapshotter.Name()})
	if err != nil {
		return err
	}
	if _, err := sn.Stat(ctx, chain); err == nil || !errdefs.IsNotFound(err) {
		return err
	}
	if err := ref.Extract(ctx, s); err != nil { // a base that has only been looked at
		return err
	}
	parent := ref.GetString(snapshotKey)
	if parent == "" {
		parent = ref.ID()
	}
	key := "nerd-build-" + identity.NewID()
	if _, err := sn.Prepare(ctx, key, parent); err != nil {
		return fmt.Errorf("unpacking on %s: %w", parent, err)
	}
	if err := sn.Commit(ctx, chain, key); err != nil && !errdefs.IsAlreadyExists(err) {
		return err // what was prepared ends with the lease
	}
	return nil
}

// hostRef is the result for the machine's own platform, if there is one.
func hostRef(src *exporter.Source) (cache.ImmutableRef, error) {
	ps, err := exptypes.ParsePlatforms(src.Metadata)
	if err != nil {
		return nil, err
	}
	match := platforms.Only(platforms.Normalize(platforms.DefaultSpec()))
	var best *exptypes.Platform
	for _, p := range ps.Platforms {
		if match.Match(p.Platform) && (best == nil || match.Less(p.Platform, best.Platform)) {
			best = &p
		}
	}
	if best == nil {
		return nil, nil
	}
	ref, _ := src.FindRef(best.ID)
	return ref, nil
}
