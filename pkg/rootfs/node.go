package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Node is one file of any kind, held by a descriptor that gives no access by
// itself. What is done with it is done to this very file, wherever its name has
// gone meanwhile.
type Node struct {
	fd   int
	name string
	Stat unix.Stat_t // as it was when the node was found
}

func newNode(fd int, name string) (*Node, error) {
	n := &Node{fd: fd, name: name}
	if _, err := retry(func() (struct{}, error) { return struct{}{}, unix.Fstat(fd, &n.Stat) }); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "stat", Path: name, Err: err}, n.Close())
	}
	return n, nil
}

// Close lets go of the file.
func (n *Node) Close() error { return unix.Close(n.fd) }

// Fd is the node's descriptor, opened with O_PATH.
func (n *Node) Fd() int { return n.fd }

// Name is the path that the node was found by.
func (n *Node) Name() string { return n.name }

func (n *Node) kind() uint32 { return n.Stat.Mode & unix.S_IFMT }

// IsDir tells whether it is a folder.
func (n *Node) IsDir() bool { return n.kind() == unix.S_IFDIR }

// IsRegular tells whether it is an ordinary file.
func (n *Node) IsRegular() bool { return n.kind() == unix.S_IFREG }

// IsLink tells whether it is a symbolic link.
func (n *Node) IsLink() bool { return n.kind() == unix.S_IFLNK }

// Child holds an entry of a folder; a link is held itself. The name must be that
// of an entry, without a slash.
func (n *Node) Child(name string) (*Node, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(n.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return newNode(fd, name)
}

// Open opens an ordinary file for reading. Anything else is refused: to open a
// device can have effects, and a pipe can block for ever.
func (n *Node) Open() (*os.File, error) { return n.open(unix.O_RDONLY) }

// Rewrite opens an ordinary file for writing and empties it.
func (n *Node) Rewrite() (*os.File, error) { return n.open(unix.O_WRONLY | unix.O_TRUNC) }

func (n *Node) open(flags int) (*os.File, error) {
	if !n.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: n.name, Err: errors.New("it is not a regular file")}
	}
	fd, err := retry(func() (int, error) { return unix.Open(n.proc(), flags|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: n.name, Err: err}
	}
	return os.NewFile(uintptr(fd), n.name), nil
}

// Names lists a folder.
func (n *Node) Names() ([]string, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(n.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: n.name, Err: err}
	}
	f := os.NewFile(uintptr(fd), n.name)
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

// Target is where a link points to.
func (n *Node) Target() (string, error) {
	buf := make([]byte, unix.PathMax)
	size, err := retry(func() (int, error) { return unix.Readlinkat(n.fd, "", buf) })
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: n.name, Err: err}
	}
	return string(buf[:size]), nil
}

// maxXattr is the kernel's limit for the value of an extended attribute.
const maxXattr = 64 << 10

// Xattr reads an extended attribute; nil if there is none.
func (n *Node) Xattr(name string) ([]byte, error) {
	var small [256]byte
	size, err := retry(func() (int, error) { return unix.Getxattr(n.proc(), name, small[:]) })
	if err == nil {
		return append([]byte(nil), small[:size]...), nil
	}
	if errors.Is(err, unix.ERANGE) {
		buf := make([]byte, maxXattr)
		if size, err = retry(func() (int, error) { return unix.Getxattr(n.proc(), name, buf) }); err == nil {
			return buf[:size], nil
		}
	}
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	return nil, &fs.PathError{Op: "getxattr " + name, Path: n.name, Err: err}
}

// Xattrs lists the names of the extended attributes.
func (n *Node) Xattrs() ([]string, error) {
	size, err := retry(func() (int, error) { return unix.Listxattr(n.proc(), nil) })
	if size == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: n.name, Err: err}
	}
	buf := make([]byte, maxXattr)
	if size, err = retry(func() (int, error) { return unix.Listxattr(n.proc(), buf) }); err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: n.name, Err: err}
	}
	var names []string
	for start, i := 0, 0; i < size; i++ {
		if buf[i] == 0 {
			names = append(names, string(buf[start:i]))
			start = i + 1
		}
	}
	return names, nil
}

// proc is the path by which system calls that know no descriptors of this kind
// reach the file: the kernel jumps to it without looking at its name.
func (n *Node) proc() string { return "/proc/self/fd/" + strconv.Itoa(n.fd) }

// Proc is the path of the node for a system call that takes no descriptor. It is
// good until the node is closed.
func (n *Node) Proc() string { return n.proc() }
