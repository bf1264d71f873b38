package container

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/layer"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// compareTime bounds how long what a comparison needs is kept if it is killed.
const compareTime = time.Hour

// Changes lists what a container has changed in the files of its image, folders
// before what is in them. What was made to start it, such as the places of /proc
// and /etc/hosts, is no change.
func (s *Service) Changes(ctx context.Context, ref string) ([]container.FilesystemChange, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	list, tree, err := s.changes(ctx, c)
	if err != nil {
		return nil, err
	}
	return list, tree.Close()
}

// changes lists the changes and holds the tree that has what was added.
func (s *Service) changes(ctx context.Context, c *Container) ([]layer.Change, *rootfs.FS, error) {
	mounts, err := s.snapshot(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	opts, err := c.ownPlaces()
	if err != nil {
		return nil, nil, err
	}
	if !plainOverlay(mounts) {
		return s.compare(ctx, c, opts)
	}
	below, err := s.viewTree(rootfs.Below(mounts[0]), rootfs.ViewOptions{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = below.Close() }()
	upper, err := rootfs.Open(rootfs.ParseOverlay(mounts[0]).Upper, rootfs.Inside)
	if err != nil {
		return nil, nil, err
	}
	list, err := layer.Overlay(ctx, upper, below, opts)
	if err == nil {
		return list, upper, nil
	}
	err = errors.Join(err, upper.Close())
	if !errors.Is(err, layer.ErrIndirect) {
		return nil, nil, err
	}
	return s.compareWith(ctx, c, below, opts)
}

// plainOverlay tells whether the upper folder of a root file system can be read by
// itself: it is an overlay of folders of this machine.
func plainOverlay(mounts []mount.Mount) bool {
	if len(mounts) != 1 || mounts[0].Type != "overlay" {
		return false
	}
	o := rootfs.ParseOverlay(mounts[0])
	return strings.HasPrefix(o.Upper, "/") && !slices.ContainsFunc(o.Lower, func(l string) bool { return !strings.HasPrefix(l, "/") })
}

// compare finds the changes of any snapshotter: it reads the container's whole
// tree and that of its image.
func (s *Service) compare(ctx context.Context, c *Container, opts layer.Options) (list []layer.Change, tree *rootfs.FS, err error) {
	lease, err := s.leases.Create(ctx, leases.WithRandomID(), leases.WithExpiration(compareTime))
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		err = errors.Join(err, s.leases.Delete(context.WithoutCancel(ctx), lease))
	}()
	ctx = leases.WithLease(ctx, lease.ID)
	sn := s.cfg.Backend.Snapshots(c.Driver)
	info, err := sn.Stat(ctx, c.SnapshotKey)
	if err != nil {
		return nil, nil, err
	}
	key := "nerd-compare-" + newID()
	mounts, err := sn.View(ctx, key, info.Parent)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		err = errors.Join(err, ignoreNotFound(sn.Remove(context.WithoutCancel(ctx), key)))
	}()
	original, err := s.viewTree(rootfs.ReadOnly(mounts), rootfs.ViewOptions{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, original.Close()) }()
	return s.compareWith(ctx, c, original, opts)
}

func (s *Service) compareWith(ctx context.Context, c *Container, original *rootfs.FS, opts layer.Options) ([]layer.Change, *rootfs.FS, error) {
	tree, err := s.rootTree(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	list, err := layer.Compare(ctx, tree, original, opts)
	if err != nil {
		return nil, nil, errors.Join(err, tree.Close())
	}
	return list, tree, nil
}

// ownPlaces are the mount points that the user did not ask for.
func (c *Container) ownPlaces() (layer.Options, error) {
	oci, err := c.spec()
	if err != nil {
		return layer.Options{}, err
	}
	var opts layer.Options
	for _, m := range oci.Mounts {
		asked := slices.ContainsFunc(c.Mounts, func(p container.MountPoint) bool { return p.Destination == m.Destination })
		if _, tmpfs := c.HostConfig.Tmpfs[m.Destination]; !asked && !tmpfs {
			opts.Own = append(opts.Own, m.Destination)
		}
	}
	return opts, nil
}
