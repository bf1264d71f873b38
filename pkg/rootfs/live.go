package rootfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Live holds the root of a running process with all that is mounted in it, as the
// process itself sees it. The caller makes sure, before and after, that the
// process is still the one that was meant.
func Live(pid int) (*FS, error) { return Open("/proc/"+strconv.Itoa(pid)+"/root", Inside) }

// LiveRoot holds the root file system of a running process alone: nothing that is
// mounted below it is seen, only what lies under the mounts.
func LiveRoot(pid int) (*FS, error) {
	return onThread(func() (tree *FS, err error) {
		root, err := Live(pid)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, root.Close()) }()
		space, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, space.Close()) }()
		// A mount can be copied only from the namespace that it is in. No path is
		// looked up there: the root is held already.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return nil, err
		}
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNS); err != nil {
			return nil, fmt.Errorf("entering the mount namespace of process %d: %w", pid, err)
		}
		fd, err := unix.OpenTree(root.Fd(), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
		if err != nil {
			return nil, fmt.Errorf("copying the root mount of process %d: %w", pid, err)
		}
		return New(os.NewFile(uintptr(fd), "/"), Inside), nil
	})
}
