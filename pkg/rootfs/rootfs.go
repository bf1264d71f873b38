// Package rootfs reaches into file trees that somebody else may be changing at
// the same moment, the root of a running container above all. Every path is
// resolved by the kernel below a held descriptor, and what was found is used
// through the descriptor it was found with: no link, however it is swapped, leads
// out of the tree.
package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Rule says how links on the way to a path are treated.
type Rule uint64

const (
	// Inside follows links the way a process whose root is the tree would see
	// them: absolute ones and ".." stay below the root.
	Inside Rule = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	// Unlinked follows no link and accepts nothing that leads upwards.
	Unlinked Rule = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS
	// Everywhere follows all links, as the caller's own system calls do. It is
	// for the host's own file system.
	Everywhere Rule = 0
)

// FS is a held file tree. Its methods may be called from several goroutines.
type FS struct {
	root *os.File // O_PATH
	rule Rule
	hold []*os.File // what the tree needs to go on existing, such as its mount namespace
}

// New makes an FS of a descriptor of its root, which it closes in the end.
func New(root *os.File, rule Rule, hold ...*os.File) *FS {
	return &FS{root: root, rule: rule, hold: hold}
}

// Open holds the folder at a path of the host.
func Open(path string, rule Rule) (*FS, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return New(os.NewFile(uintptr(fd), path), rule), nil
}

// Close lets go of the tree.
func (t *FS) Close() error {
	err := t.root.Close()
	for _, f := range t.hold {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Fd is the descriptor of the root, opened with O_PATH.
func (t *FS) Fd() int { return int(t.root.Fd()) }

// At is the tree below a folder of this one, with a rule of its own. It has to be
// closed; the one it comes from has to stay open as long.
func (t *FS) At(path string, rule Rule) (*FS, error) {
	n, err := t.Find(path)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}, n.Close())
	}
	return New(os.NewFile(uintptr(n.fd), path), rule), nil
}

// races bounds how often a resolution is tried again that the kernel broke off
// because something was moved under it.
const races = 1000

func (t *FS) openat(path string, flags uint64, mode uint64) (int, error) {
	path = strings.TrimLeft(path, "/")
	if path == "" {
		path = "."
	}
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Mode: mode, Resolve: uint64(t.rule)}
	var fd int
	var err error
	for range races {
		fd, err = retry(func() (int, error) { return unix.Openat2(t.Fd(), path, &how) })
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	if errors.Is(err, unix.ENOSYS) {
		err = errors.New("the kernel has no openat2: Linux 5.6 or newer is needed")
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: "/" + path, Err: err}
	}
	return fd, nil
}

// Find holds what a path leads to, following a link at its end.
func (t *FS) Find(path string) (*Node, error) { return t.find(path, 0) }

// FindLink is Find that holds a link at the end of the path itself.
func (t *FS) FindLink(path string) (*Node, error) { return t.find(path, unix.O_NOFOLLOW) }

func (t *FS) find(path string, flags uint64) (*Node, error) {
	fd, err := t.openat(path, unix.O_PATH|flags, 0)
	if err != nil {
		return nil, err
	}
	return newNode(fd, path)
}

// MkdirAll makes the folders of a path that are missing and holds the last one.
func (t *FS) MkdirAll(path string, mode uint32) (*Node, error) {
	n, err := t.Find(path)
	if err == nil && n.IsDir() {
		return n, nil
	}
	if err == nil {
		return nil, errors.Join(&fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}, n.Close())
	}
	if !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	dir, base := split(path)
	if base == "" {
		return nil, err
	}
	parent, err := t.MkdirAll(dir, mode)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	if err := unix.Mkdirat(parent.fd, base, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	n, err = parent.Child(base)
	if err == nil && !n.IsDir() { // a link that leads nowhere
		return nil, errors.Join(&fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}, n.Close())
	}
	return n, err
}

// split is path.Split for a path whose parts the kernel resolves: nothing is
// cleaned but slashes at the end.
func split(path string) (dir, base string) {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	return path[:i+1], path[i+1:]
}

// retry repeats a system call that a signal interrupted.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}
