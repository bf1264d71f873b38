package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/container/spec"
)

// mountShm mounts the shared memory of a container that others may join
// (--ipc shareable), anew at each start.
func (s *Service) mountShm(c *Container) error {
	if !c.HostConfig.IpcMode.IsShareable() {
		return nil
	}
	dir := s.shmDir(c.ID)
	if err := s.unmountShm(c.ID); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	size := c.HostConfig.ShmSize
	if size == 0 {
		size = spec.DefaultShmSize
	}
	err := unix.Mount("shm", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, fmt.Sprintf("mode=1777,size=%d", size))
	if err != nil {
		return fmt.Errorf("shared memory of container %s: %w", c.Name, &fs.PathError{Op: "mount", Path: dir, Err: err})
	}
	return nil
}

// unmountShm takes the mount away; those who joined keep theirs. There may be
// none: that is no error.
func (s *Service) unmountShm(id string) error {
	dir := s.shmDir(id)
	for {
		err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		switch {
		case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT):
			return nil
		case err != nil:
			return &fs.PathError{Op: "unmount", Path: dir, Err: err}
		}
	}
}
