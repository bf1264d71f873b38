package container

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
)

const maxPasswdFile = 4 << 20 // bytes; an image cannot make nerd read more

// accounts are the files that user and group names are looked up in.
type accounts struct{ passwd, group []byte }

// readAccounts reads the files inside root. Who made the image, or runs in the
// container, may have put anything there.
func readAccounts(root string) (accounts, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return accounts{}, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer func() { _ = unix.Close(dir) }()
	passwd, err := readBounded(dir, "etc/passwd")
	if err != nil {
		return accounts{}, err
	}
	group, err := readBounded(dir, "etc/group")
	return accounts{passwd, group}, err
}

// readBounded reads a regular file of limited size; an absent one is empty.
// The kernel resolves links as if root were "/". The file is looked at before it
// is opened, because to open a device can do something and to open a pipe can
// block, and what was looked at is what is opened.
func readBounded(root int, name string) ([]byte, error) {
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading /%s of the image: %w", name, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("reading /%s of the image: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errorf(errdefs.ErrInvalidArgument, "/%s of the image is not a regular file", name)
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("reading /%s of the image: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPasswdFile+1))
	if len(data) > maxPasswdFile { // a line cut short would name another user
		return nil, errorf(errdefs.ErrInvalidArgument, "/%s of the image is larger than %d bytes", name, maxPasswdFile)
	}
	return data, err
}
