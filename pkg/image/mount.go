package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/rootfs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// An image that is mounted is held by a lease without an end, whose labels say
// where. The lease is made first and goes last: a lease at whose place nothing is
// mounted, after a kill or a reboot, is what is left to clean up.
const (
	mountPath        = "nerd/mount.path"
	mountImage       = "nerd/mount.image"  // name, or the id where there is none
	mountTarget      = "nerd/mount.target" // id
	mountSnapshotter = "nerd/mount.snapshotter"
)

// MountOptions says how an image is mounted.
type MountOptions struct {
	// Path of an existing folder to mount at; empty: a place below the run root,
	// the same for the same image.
	Path string
	// Platform to look at; nil: this machine's.
	Platform *ocispec.Platform
}

// MountedImage is an image that is mounted.
type MountedImage struct {
	Image string        // familiar name, or the id
	ID    digest.Digest // of the image
	Path  string
}

// Mount mounts the root file system of an image on the host, to be read, until it
// is unmounted or the machine stops. It is mounted once at a place, however often
// that is asked for. What is mounted stays though the image is removed.
func (s *Service) Mount(ctx context.Context, ref string, opts MountOptions) (m *MountedImage, err error) {
	img, err := s.ResolveFor(ctx, ref, opts.Platform)
	if err != nil {
		return nil, err
	}
	m = &MountedImage{Image: cmp.Or(Familiar(img.Name), img.ID()), ID: img.Target.Digest, Path: opts.Path}
	if img.ChainID == "" {
		return nil, errorf(errdefs.ErrInvalidArgument, "image %s has no layers: there is nothing to mount", m.Image)
	}
	if m.Path == "" {
		m.Path = filepath.Join(s.layout.ImageMounts(), img.ManifestDigest.Encoded()[:12])
		err = os.MkdirAll(m.Path, 0o700)
	} else {
		m.Path, err = mountPlace(m.Path)
	}
	if err != nil {
		return nil, err
	}
	// Layers may be missing here for another platform, or after a pull without unpacking.
	if err := s.EnsureUnpacked(ctx, img, ""); err != nil {
		return nil, err
	}
	unlock, err := s.lockMounts(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return s.mount(s.client.Context(ctx), img, m)
}

// mountPlace is the full path of a folder to mount at, without links on the way,
// as the kernel will name it.
func mountPlace(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errorf(errdefs.ErrInvalidArgument, "%s is not a folder", path)
	}
	return path, err
}

func (s *Service) lockMounts(ctx context.Context) (unlock func() error, err error) {
	l, err := state.AcquireLock(ctx, filepath.Join(s.layout.ImageMounts(), "lock"))
	if err != nil {
		return nil, err
	}
	return l.Release, nil
}

func (s *Service) mount(ctx context.Context, img *Image, m *MountedImage) (*MountedImage, error) {
	held, err := s.mountAt(ctx, m.Path)
	if err != nil {
		return nil, err
	}
	taken, err := mountinfo.Mounted(m.Path)
	switch {
	case err != nil:
		return nil, err
	case held != nil && taken && held.Labels[mountTarget] == m.ID.String():
		return m, nil
	case held != nil && taken:
		return nil, errs.WithHint(errorf(errdefs.ErrAlreadyExists, "image %s is mounted at %s", held.Labels[mountImage], m.Path),
			"unmount it first: nerd image unmount %s", m.Path)
	case held != nil: // left over
		if err := s.release(ctx, *held, false); err != nil {
			return nil, err
		}
	}
	lease, err := s.client.Leases().Create(ctx, leases.WithID(mountID(m.Path)), leases.WithLabels(map[string]string{
		mountPath: m.Path, mountImage: m.Image, mountTarget: m.ID.String(), mountSnapshotter: s.client.SnapshotterName(),
	}))
	if err != nil {
		return nil, fmt.Errorf("noting that %s is mounted at %s: %w", m.Image, m.Path, err)
	}
	mounts, err := s.client.Snapshots("").View(leases.WithLease(ctx, lease.ID), mountID(m.Path), img.ChainID)
	if err == nil {
		err = rootfs.Attach(mounts, m.Path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mounting image %s at %s: %w", m.Image, m.Path, err),
			s.release(context.WithoutCancel(ctx), lease, false))
	}
	return m, nil
}

// mountID names the lease and the snapshot of what is mounted at a place.
func mountID(path string) string {
	sum := sha256.Sum256([]byte(path))
	return "nerd-image-mount-" + hex.EncodeToString(sum[:16])
}

// mountAt is the lease of what is mounted at a path; nil if there is none.
func (s *Service) mountAt(ctx context.Context, path string) (*leases.Lease, error) {
	all, err := s.client.Leases().List(ctx, "id=="+mountID(path))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// release unmounts what a lease notes and lets go of it.
func (s *Service) release(ctx context.Context, l leases.Lease, lazy bool) error {
	path := l.Labels[mountPath]
	if err := rootfs.Detach(path, lazy); err != nil {
		if errors.Is(err, unix.EBUSY) {
			return errs.WithHint(errorf(errdefs.ErrFailedPrecondition, "%s is in use: a process has a file of it open, or works in it", path),
				"end the process, or use --force: it is gone from sight at once, and in truth with its last user")
		}
		return err
	}
	if filepath.Dir(path) == s.layout.ImageMounts() {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if snaps := s.client.Snapshots(l.Labels[mountSnapshotter]); snaps != nil {
		if err := ignoreNotFound(snaps.Remove(ctx, l.ID)); err != nil {
			return err
		}
	}
	return ignoreNotFound(s.client.Leases().Delete(ctx, l))
}

// Mounts lists the images that are mounted, by their places.
func (s *Service) Mounts(ctx context.Context) ([]MountedImage, error) {
	all, err := s.mountLeases(s.client.Context(ctx))
	if err != nil {
		return nil, err
	}
	list := []MountedImage{}
	for _, l := range all {
		if mounted, err := mountinfo.Mounted(l.Labels[mountPath]); err != nil || !mounted {
			continue // what a kill or a reboot left: Repair's
		}
		list = append(list, mountedBy(l))
	}
	slices.SortFunc(list, func(a, b MountedImage) int { return cmp.Or(cmp.Compare(a.Image, b.Image), cmp.Compare(a.Path, b.Path)) })
	return list, nil
}

func mountedBy(l leases.Lease) MountedImage {
	return MountedImage{Image: l.Labels[mountImage], ID: digest.Digest(l.Labels[mountTarget]), Path: l.Labels[mountPath]}
}

func (s *Service) mountLeases(ctx context.Context) ([]leases.Lease, error) {
	return s.client.Leases().List(ctx, fmt.Sprintf("labels.%q", mountPath))
}
