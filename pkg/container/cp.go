package container

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/archive"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// CopyOptions says how files are copied to or from a container.
type CopyOptions struct {
	Path       string // in the container, from its root; what it ends with counts, as for Docker's cp
	FollowLink bool   // a source that is a link stands for what it leads to
	// Own gives files that are copied to a container to its user, if it has one
	// other than root.
	Own bool
	// Moved, if set, is told how many bytes were dealt with, counted as a tar of
	// the files would have them.
	Moved func(n int64)
}

// CopyFrom copies a file or a folder of a container to an absolute path of the
// host. Set-id bits and capabilities stay behind, devices are refused: what a
// container made gets no power on the host.
func (s *Service) CopyFrom(ctx context.Context, ref string, opts CopyOptions, hostPath string) error {
	return s.copy(ctx, ref, events.ActionArchivePath, opts, func(_ *Container, inside archive.Place, o archive.CopyOptions) error {
		host, err := rootfs.Open("/", rootfs.Everywhere)
		if err != nil {
			return err
		}
		o.Hollow, o.Check = hollow, notKernels
		return errors.Join(archive.Copy(ctx, inside, archive.Place{Tree: host, Path: hostPath}, o), host.Close())
	})
}

// CopyTar writes a file or a folder of a container as a tar.
func (s *Service) CopyTar(ctx context.Context, ref string, opts CopyOptions, w io.Writer) error {
	return s.copy(ctx, ref, events.ActionArchivePath, opts, func(_ *Container, inside archive.Place, o archive.CopyOptions) error {
		o.Hollow, o.Check = hollow, notKernels
		return archive.Write(ctx, inside, o, archive.NewWriter(w))
	})
}

// CopyTo copies a file or a folder at an absolute path of the host to a container.
// Owners keep their numbers.
func (s *Service) CopyTo(ctx context.Context, ref string, opts CopyOptions, hostPath string) error {
	return s.copy(ctx, ref, events.ActionExtractToDir, opts, func(c *Container, inside archive.Place, o archive.CopyOptions) error {
		host, err := rootfs.Open("/", rootfs.Everywhere)
		if err != nil {
			return err
		}
		if o.Owner, err = copyOwner(c, opts.Own); err != nil {
			return errors.Join(err, host.Close())
		}
		return errors.Join(archive.Copy(ctx, archive.Place{Tree: host, Path: hostPath}, inside, o), host.Close())
	})
}

// Unpack makes the files of a tar, which may be compressed, in a folder of a
// container.
func (s *Service) Unpack(ctx context.Context, ref string, opts CopyOptions, r io.Reader) error {
	return s.copy(ctx, ref, events.ActionExtractToDir, opts, func(c *Container, inside archive.Place, o archive.CopyOptions) (err error) {
		if o.Owner, err = copyOwner(c, opts.Own); err != nil {
			return err
		}
		return archive.Unpack(ctx, r, inside, o)
	})
}

// copy opens a container's files and runs fn with them.
func (s *Service) copy(ctx context.Context, ref string, action events.Action, opts CopyOptions,
	fn func(*Container, archive.Place, archive.CopyOptions) error,
) (err error) {
	find, write := s.find, action == events.ActionExtractToDir
	if write {
		find = s.change
	}
	c, err := find(ctx, ref)
	if err != nil {
		return err
	}
	tree, release, err := s.tree(ctx, c, write)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := fn(c, archive.Place{Tree: tree, Path: opts.Path, Container: ref},
		archive.CopyOptions{FollowLink: opts.FollowLink, Moved: opts.Moved}); err != nil {
		return readOnlyError(c, opts.Path, err)
	}
	s.emit(ctx, c, action)
	return nil
}

// copyOwner says who owns what is copied to a container: the same numbers as
// before, or the container's user if that is wanted and there is one.
func copyOwner(c *Container, own bool) (func(uid, gid int) (int, int), error) {
	if !own || c.Config == nil || c.Config.User == "" {
		return func(uid, gid int) (int, int) { return uid, gid }, nil
	}
	oci, err := c.spec()
	if err != nil {
		return nil, err
	}
	if oci.Process == nil {
		return nil, errorf(errdefs.ErrFailedPrecondition, "container %s has no user that is known: leave out --archive", c.Name)
	}
	user := oci.Process.User
	return func(int, int) (int, int) { return int(user.UID), int(user.GID) }, nil
}

// readOnlyError says in Docker's words what cannot be written to.
func readOnlyError(c *Container, where string, err error) error {
	if !errors.Is(err, unix.EROFS) {
		return err
	}
	where = path.Clean("/" + where)
	for _, m := range c.Mounts {
		if !m.RW && (where == m.Destination || strings.HasPrefix(where, m.Destination+"/")) {
			return errorf(errdefs.ErrFailedPrecondition, "mounted volume is marked read-only: %s", m.Destination)
		}
	}
	if c.HostConfig.ReadonlyRootfs {
		return errorf(errdefs.ErrFailedPrecondition, "container rootfs is marked read-only")
	}
	return err
}

// kernelTrees are the file systems that are windows of the kernel: what they show
// has no size, no end or no place in a copy.
var kernelTrees = map[int64]bool{
	unix.PROC_SUPER_MAGIC: true, unix.SYSFS_MAGIC: true, unix.CGROUP_SUPER_MAGIC: true, unix.CGROUP2_SUPER_MAGIC: true,
	unix.DEVPTS_SUPER_MAGIC: true, mqueueMagic: true, unix.DEBUGFS_MAGIC: true, unix.TRACEFS_MAGIC: true,
	unix.SECURITYFS_MAGIC: true, unix.BPF_FS_MAGIC: true, unix.BINFMTFS_MAGIC: true, unix.NSFS_MAGIC: true,
}

const mqueueMagic = 0x19800202

// isKernels tells whether a file belongs to one of them.
func isKernels(n *rootfs.Node) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(n.Fd(), &st) == nil && kernelTrees[int64(st.Type)]
}

// hollow tells that a folder of a container is copied without what is in it: the
// kernel's file systems, and /dev, which is made anew at each start. Docker shows
// them empty as well.
func hollow(where string, parent, n *rootfs.Node) bool {
	if parent != n && parent.Stat.Dev == n.Stat.Dev {
		return false // nothing is mounted here
	}
	return where == "/dev" || isKernels(n)
}

func notKernels(n *rootfs.Node) error {
	if n.IsDir() || !isKernels(n) {
		return nil
	}
	return errorf(errdefs.ErrInvalidArgument, "%s is made by the kernel as it is read, so it cannot be copied: read it with `nerd exec`", n.Name())
}
