// Package copyup copies a tree of files with all that belongs to them: owners,
// modes, times, extended attributes, hard links, holes, links and devices. It
// works on folders that the caller holds open and never goes through a link, so
// whatever the source contains, it reads and writes nothing outside the two.
package copyup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Tree copies the content of the folder src, and its attributes, to dst, an
// empty folder that nobody else writes in.
func Tree(ctx context.Context, src, dst *os.File) error {
	c := &copier{top: int(dst.Fd()), links: map[inode]string{}}
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	if err := c.content(ctx, src, dst, ""); err != nil {
		return err
	}
	return attributes(int(src.Fd()), int(dst.Fd()), &st)
}

// Attributes gives dst the owner, mode, times and extended attributes of src.
func Attributes(src, dst *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	return attributes(int(src.Fd()), int(dst.Fd()), &st)
}

type inode struct{ dev, ino uint64 }

type copier struct {
	top   int              // the folder copied to
	links map[inode]string // first name of each file with several, below top
}

// content copies what is in a folder; rel is its path below the top.
func (c *copier) content(ctx context.Context, src, dst *os.File, rel string) error {
	names, err := src.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.entry(ctx, int(src.Fd()), int(dst.Fd()), name, path.Join(rel, name)); err != nil {
			return fmt.Errorf("copying /%s: %w", path.Join(rel, name), unwrapCopy(err))
		}
	}
	return nil
}

// unwrapCopy leaves the innermost path alone in the message.
func unwrapCopy(err error) error {
	var deeper *entryError
	if errors.As(err, &deeper) {
		return deeper.err
	}
	return err
}

type entryError struct{ err error }

func (e *entryError) Error() string { return e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

// entry copies one name from the folder src to dst.
func (c *copier) entry(ctx context.Context, src, dst int, name, rel string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(src, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	kind := st.Mode & unix.S_IFMT
	if st.Nlink > 1 && kind != unix.S_IFDIR {
		key := inode{uint64(st.Dev), st.Ino} //nolint:unconvert // not everywhere 64 bits
		if first, ok := c.links[key]; ok {
			return c.link(first, dst, name)
		}
		c.links[key] = rel
	}
	switch kind {
	case unix.S_IFDIR:
		return c.folder(ctx, src, dst, name, rel)
	case unix.S_IFREG:
		return file(src, dst, name)
	case unix.S_IFLNK:
		return symlink(src, dst, name, &st)
	}
	return special(src, dst, name, &st)
}

// link gives a file that was copied before another name. The folders on the way
// to it are the copy's own, but they are not followed through links all the same.
func (c *copier) link(first string, dst int, name string) error {
	fd, err := unix.Openat2(c.top, first, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.ELOOP) { // the file is itself a link: name it by its folder
		return c.linkSymlink(first, dst, name)
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Linkat(fd, "", dst, name, unix.AT_EMPTY_PATH)
}

func (c *copier) linkSymlink(first string, dst int, name string) error {
	dir, err := unix.Openat2(c.top, path.Dir(first), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	return unix.Linkat(dir, path.Base(first), dst, name, 0)
}

func (c *copier) folder(ctx context.Context, src, dst int, name, rel string) error {
	from, err := openFolder(src, name)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if err := unix.Mkdirat(dst, name, 0o700); err != nil {
		return err
	}
	to, err := openFolder(dst, name)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	if err := c.content(ctx, from, to, rel); err != nil {
		return &entryError{err}
	}
	return Attributes(from, to) // last: a copied file changes the folder's time
}

func openFolder(dir int, name string) (*os.File, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
