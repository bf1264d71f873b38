package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// putFolder makes a folder, or takes the one that is there.
func (e *Extractor) putFolder(parent *rootfs.Node, base, name string, h *tar.Header) (err error) {
	if err := unix.Mkdirat(parent.Fd(), base, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	n, err := parent.Child(base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if !n.IsDir() {
		return &ConflictError{Path: e.place(name)}
	}
	if err := e.finish(n, h); err != nil {
		return err
	}
	e.times = append(e.times, folderTime{name, h.ModTime})
	return nil
}

// putFile makes an ordinary file. Where the file is a mount point of its own, and
// so cannot be replaced, its content is.
func (e *Extractor) putFile(parent *rootfs.Node, base, name string, h *tar.Header, content io.Reader) (err error) {
	if err := fits(parent, h.Size); err != nil {
		return err
	}
	var f *os.File
	err = e.fresh(parent, base, name, func() error {
		fd, err := unix.Openat(parent.Fd(), base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err == nil {
			f = os.NewFile(uintptr(fd), name)
		}
		return err
	})
	if errors.Is(err, unix.EBUSY) {
		return rewrite(parent, base, h, content)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := store(f, content, h.Size); err != nil {
		return err
	}
	if err := e.settle(f, h); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// rewrite gives a file that is there another content; the rest belongs to what is
// mounted.
func rewrite(parent *rootfs.Node, base string, h *tar.Header, content io.Reader) (err error) {
	n, err := parent.Child(base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	f, err := n.Rewrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return store(f, content, h.Size)
}

// settle gives an open file its owner, mode and attributes, in this order:
// a change of the owner takes set-id bits and capabilities away.
func (e *Extractor) settle(f *os.File, h *tar.Header) error {
	fd := int(f.Fd())
	if uid, gid, ok := e.owner(h); ok {
		if err := unix.Fchown(fd, uid, gid); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(fd, e.mode(h)); err != nil {
		return err
	}
	return e.setXattrs(h, func(name string, value []byte) error { return unix.Fsetxattr(fd, name, value, 0) })
}

// finish gives a held folder or special file its owner, mode and attributes.
func (e *Extractor) finish(n *rootfs.Node, h *tar.Header) error {
	if uid, gid, ok := e.owner(h); ok {
		if err := unix.Fchownat(n.Fd(), "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
			return err
		}
	}
	if err := unix.Chmod(n.Proc(), e.mode(h)); err != nil {
		return err
	}
	if !n.IsDir() {
		return nil
	}
	return e.setXattrs(h, func(name string, value []byte) error { return unix.Setxattr(n.Proc(), name, value, 0) })
}

func (e *Extractor) setXattrs(h *tar.Header, set func(string, []byte) error) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok || !kept(name) || e.Tame && !strings.HasPrefix(name, "user.") {
			continue
		}
		if err := set(name, []byte(value)); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("setting its attribute %s: %w", name, err)
		}
	}
	return nil
}

// putHardLink gives one more name to a file of the archive. The name it had is
// looked for where the archive has put it, so it cannot be one of another place.
func (e *Extractor) putHardLink(parent *rootfs.Node, base, name string, h *tar.Header) (err error) {
	target, err := cleanName(h.Linkname)
	if err != nil {
		return err
	}
	if target == "" || target == name {
		return refused(name, "the archive links it to %q", h.Linkname)
	}
	dir, old := path.Split(target)
	from, err := e.Tree.Find(join(e.Base, strings.TrimSuffix(dir, "/")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	return e.fresh(parent, base, name, func() error { return unix.Linkat(from.Fd(), old, parent.Fd(), base, 0) })
}

// putSpecial makes a pipe or a device.
func (e *Extractor) putSpecial(parent *rootfs.Node, base, name string, h *tar.Header) (err error) {
	kind := uint32(unix.S_IFIFO)
	switch h.Typeflag {
	case tar.TypeChar:
		kind = unix.S_IFCHR
	case tar.TypeBlock:
		kind = unix.S_IFBLK
	}
	if e.Tame && kind != unix.S_IFIFO {
		return errors.New("it is a device, and a container must not bring devices to the host: copy to - for an archive of it")
	}
	if h.Devmajor < 0 || h.Devminor < 0 || h.Devmajor >= 1<<32 || h.Devminor >= 1<<32 {
		return fmt.Errorf("there is no device %d:%d", h.Devmajor, h.Devminor)
	}
	dev := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	if err := e.fresh(parent, base, name, func() error { return unix.Mknodat(parent.Fd(), base, kind|0o600, int(dev)) }); err != nil {
		return err
	}
	n, err := parent.Child(base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if n.Stat.Mode&unix.S_IFMT != kind {
		return errors.New("it was replaced while it was made")
	}
	if err := e.finish(n, h); err != nil {
		return err
	}
	return setTime(parent, base, h.ModTime)
}

// fresh makes a file where nothing is; what is there, but for a folder, goes.
func (e *Extractor) fresh(parent *rootfs.Node, base, name string, create func() error) error {
	for range 100 { // somebody else may make it again, but not for ever
		err := create()
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		err = unix.Unlinkat(parent.Fd(), base, 0)
		if errors.Is(err, unix.EISDIR) {
			return &ConflictError{Path: e.place(name), IsDir: true}
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return errors.New("another process makes it again and again")
}

// fits refuses a file that the file system could not hold if it were empty: an
// archive can claim any size without having the data.
func fits(parent *rootfs.Node, size int64) error {
	const unquestioned = 1 << 30
	if size < unquestioned {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(parent.Fd(), &st); err != nil {
		return err
	}
	if total := float64(st.Blocks) * float64(st.Bsize); st.Blocks > 0 && float64(size) > total {
		return fmt.Errorf("it is said to be %s long, and the file system has %s: %w", units.HumanSize(float64(size)), units.HumanSize(total), unix.EFBIG)
	}
	return nil
}

// setTime sets the time of an entry, or of the link that it is.
func setTime(parent *rootfs.Node, base string, at time.Time) error {
	ts, err := unix.TimeToTimespec(at)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(parent.Fd(), base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
