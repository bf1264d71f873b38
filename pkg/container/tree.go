package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// tree holds the files of a container as its processes see them, mounts and all.
// While it runs this is the root of its first process; of one that does not run,
// the root file system with its binds and volumes, and nobody can start it until
// release is called.
func (s *Service) tree(ctx context.Context, c *Container, write bool) (tree *rootfs.FS, release func() error, err error) {
	if s.visible(c) {
		if tree, err = s.live(c, rootfs.Live); err == nil {
			return tree, tree.Close, nil
		}
		if c.Running() {
			return nil, nil, err
		}
	}
	if c.Foreign && !write { // no lock keeps its maker from starting it meanwhile
		if tree, err = s.rootTree(ctx, c); err != nil {
			return nil, nil, err
		}
		return tree, tree.Close, nil
	}
	l, err := s.lock(ctx, c.ID)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Release())
		}
	}()
	again, err := s.get(ctx, c.ID)
	if err != nil {
		return nil, nil, err
	}
	if s.visible(again) { // started meanwhile
		if tree, err = s.live(again, rootfs.Live); err != nil {
			return nil, nil, err
		}
		return tree, tree.Close, l.Release()
	}
	if tree, err = s.mounted(ctx, again); err != nil {
		return nil, nil, err
	}
	return tree, func() error { return errors.Join(tree.Close(), l.Release()) }, nil
}

// visible tells whether the first process of a container sees its files: it runs,
// and not in a sandbox with a kernel of its own.
func (s *Service) visible(c *Container) bool {
	return c.Running() && (c.runtime == "" || c.runtime == ctrd.RuntimeRunc)
}

// live holds the root of a container's process by fn, and makes sure that it was
// this process's.
func (s *Service) live(c *Container, fn func(pid int) (*rootfs.FS, error)) (*rootfs.FS, error) {
	tree, err := fn(c.Status.Process.PID)
	if err != nil {
		return nil, fmt.Errorf("opening the root of container %s: %w", c.Name, err)
	}
	if !c.Status.Process.Alive() {
		return nil, errors.Join(errorf(errdefs.ErrFailedPrecondition, "container %s has just ended: try again", c.Name), tree.Close())
	}
	return tree, nil
}

// mounted holds the root file system of a container that does not run, with what
// its next start would mount from the host.
func (s *Service) mounted(ctx context.Context, c *Container) (*rootfs.FS, error) {
	mounts, err := s.snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	oci, err := c.spec()
	if err != nil {
		return nil, err
	}
	opts := rootfs.ViewOptions{ReadOnly: oci.Root != nil && oci.Root.Readonly}
	for _, m := range oci.Mounts {
		recursive := slices.Contains(m.Options, "rbind")
		if m.Type != "bind" && !recursive && !slices.Contains(m.Options, "bind") {
			continue
		}
		opts.Binds = append(opts.Binds, rootfs.Bind{
			Source: m.Source, Target: m.Destination, Recursive: recursive,
			ReadOnly: slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rro"),
		})
	}
	return s.viewTree(mounts, opts)
}

// rootTree holds the root file system of a container alone: nothing that is
// mounted in it is seen, and what is written there is refused.
func (s *Service) rootTree(ctx context.Context, c *Container) (*rootfs.FS, error) {
	if s.visible(c) {
		tree, err := s.live(c, rootfs.LiveRoot)
		if err == nil || c.Running() {
			return tree, err
		}
	}
	mounts, err := s.snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.viewTree(rootfs.ReadOnly(mounts), rootfs.ViewOptions{})
}

func (s *Service) viewTree(mounts []mount.Mount, opts rootfs.ViewOptions) (*rootfs.FS, error) {
	opts.Place = s.cfg.Layout.Run
	if err := os.MkdirAll(opts.Place, 0o700); err != nil {
		return nil, err
	}
	return rootfs.View(mounts, opts)
}

// snapshot gives the mounts of a container's root file system.
func (s *Service) snapshot(ctx context.Context, c *Container) ([]mount.Mount, error) {
	if c.SnapshotKey == "" {
		return nil, errorf(errdefs.ErrFailedPrecondition, "container %s has no snapshot: its files are not containerd's", c.Name)
	}
	mounts, err := s.cfg.Backend.Snapshots(c.Driver).Mounts(ctx, c.SnapshotKey)
	if errdefs.IsNotFound(err) {
		return nil, errorf(errdefs.ErrNotFound, "the root file system of container %s is gone: remove the container", c.Name)
	}
	return mounts, err
}

// spec is the OCI specification of a container.
func (c *Container) spec() (*specs.Spec, error) {
	oci := &specs.Spec{}
	if len(c.oci) == 0 {
		return oci, nil
	}
	if err := json.Unmarshal(c.oci, oci); err != nil {
		return nil, fmt.Errorf("container %s: its specification cannot be read: %w", c.Name, err)
	}
	return oci, nil
}
