package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

// Attach mounts a root file system at a folder of the host, where every process
// sees it, to be read: nothing in it can be written, run with another's rights or
// opened as a device. It appears at once and complete, or not at all. Detach takes
// it away again.
func Attach(mounts []mount.Mount, path string) (err error) {
	tree, err := private(func() (*FS, error) {
		if err := mountAll(path, ReadOnly(mounts)); err != nil {
			return nil, err
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return nil, fmt.Errorf("copying the mount at %s: %w", path, err)
		}
		held := New(os.NewFile(uintptr(fd), path), Inside)
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
			return nil, errors.Join(fmt.Errorf("protecting the mount at %s: %w", path, err), held.Close())
		}
		return held, nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	if err := unix.MoveMount(tree.Fd(), "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &fs.PathError{Op: "mount", Path: path, Err: err}
	}
	return nil
}

// Detach unmounts what is mounted at a folder; nothing there is no failure. Lazily,
// it goes from sight at once and in truth when its last user has gone; else a mount
// in use is EBUSY.
func Detach(path string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(path, flags)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &fs.PathError{Op: "unmount", Path: path, Err: err}
}
