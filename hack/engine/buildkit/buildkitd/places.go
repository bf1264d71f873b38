package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/worker/base"

	"github.com/nerd-cli/nerd/hack/engine/buildkit/direct"
)

// errNoPlace says that the files of a layer are not in a folder of their own.
var errNoPlace = errors.New("the layer has no folder of its own")

// layerKeys are what BuildKit keeps of results that are not simply a layer on top
// of another: their layers are put together from several folders.
var layerKeys = []string{"cache.mergeParents", "cache.lowerDiffParent", "cache.upperDiffParent"}

// places finds the folder of a result's layer: the upper one of its overlay.
func places(opt base.WorkerOpt) direct.Places {
	return func(ctx context.Context, ref string) (direct.Place, error) {
		if opt.Snapshotter.Name() != "overlayfs" {
			return direct.Place{}, errNoPlace
		}
		name, err := snapshotName(opt.MetadataStore, ref)
		if err != nil {
			return direct.Place{}, err
		}
		dir, err := upper(ctx, opt, name)
		if err != nil {
			return direct.Place{}, err
		}
		return direct.Place{Dir: dir, Label: "containerd.io/gc.ref.snapshot." + opt.Snapshotter.Name() + "/layer", Snapshot: name}, nil
	}
}

func snapshotName(store *metadata.Store, id string) (string, error) {
	item, ok := store.Get(id)
	if !ok {
		return "", errNoPlace
	}
	for _, key := range layerKeys {
		if item.Get(key) != nil {
			return "", errNoPlace
		}
	}
	v := item.Get(snapshotKey)
	if v == nil {
		return id, nil
	}
	var name string
	err := v.Unmarshal(&name)
	return name, err
}

// upper is the folder of a committed snapshot's own files: the first one that a
// look at it is made of.
func upper(ctx context.Context, opt base.WorkerOpt, name string) (string, error) {
	ctx, release, err := leaseutil.WithLease(ctx, opt.LeaseManager, leaseutil.MakeTemporary)
	if err != nil {
		return "", err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }()
	sn, done := snapshot.NewContainerdSnapshotter(opt.Snapshotter)
	defer done()
	if info, err := sn.Stat(ctx, name); err != nil || info.Kind != snapshots.KindCommitted {
		return "", fmt.Errorf("snapshot %s: %w", name, errors.Join(err, errNoPlace))
	}
	mounts, err := sn.View(ctx, "nerd-build-"+identity.NewID(), name) // ends with the lease
	if err != nil {
		return "", err
	}
	return firstDir(mounts)
}

func firstDir(mounts []mount.Mount) (string, error) {
	if len(mounts) != 1 {
		return "", errNoPlace
	}
	m := mounts[0]
	if m.Type == "bind" && filepath.IsAbs(m.Source) {
		return m.Source, nil
	}
	if m.Type == "overlay" {
		for _, o := range m.Options {
			if lower, ok := strings.CutPrefix(o, "lowerdir="); ok {
				first, _, _ := strings.Cut(lower, ":")
				if filepath.IsAbs(first) {
					return first, nil
				}
			}
		}
	}
	return "", errNoPlace
}
