package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// maxDepth bounds folders within folders: each level holds descriptors, and a
// deeper path cannot be named.
const maxDepth = unix.PathMax / 2

// folder lists the changes below a folder; the lower one may be absent. hidden
// tells that mount points were left out.
func (f *finder) folder(at string, upper, lower *rootfs.Node, depth int) (found []Change, hidden bool, err error) {
	if depth > maxDepth {
		return nil, false, errors.New(at + ": folders are nested too deeply")
	}
	if err := f.ctx.Err(); err != nil {
		return nil, false, err
	}
	names, err := upper.Names()
	if err != nil {
		return nil, false, ignoreGone(err)
	}
	whole := f.compare
	if !whole && lower != nil && depth > 0 {
		if whole, err = opaque(upper); err != nil {
			return nil, false, err
		}
	}
	if whole && lower != nil {
		below, err := lower.Names()
		if err != nil {
			return nil, false, err
		}
		names = append(names, below...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		more, hid, err := f.entry(path.Join(at, name), name, upper, lower, depth)
		if err != nil {
			return nil, false, err
		}
		found, hidden = append(found, more...), hidden || hid
	}
	return found, hidden, nil
}

// entry lists the changes of one name.
func (f *finder) entry(at, name string, upper, lower *rootfs.Node, depth int) (found []Change, hidden bool, err error) {
	u, err := child(upper, name)
	if err != nil {
		return nil, false, err
	}
	defer closeNode(u)
	var l *rootfs.Node
	if lower != nil {
		if l, err = child(lower, name); err != nil {
			return nil, false, err
		}
		defer closeNode(l)
	}
	switch {
	case u == nil && l == nil:
		return nil, false, nil
	case u == nil || !f.compare && isWhiteout(u):
		if l == nil {
			return nil, false, nil
		}
		return []Change{{Kind: deleted, Path: at}}, false, nil
	case !f.compare:
		if err := direct(u); err != nil {
			return nil, false, err
		}
	}
	if !u.IsDir() {
		return f.file(at, u, l)
	}
	return f.dir(at, u, l, depth)
}

// file decides about anything but a folder.
func (f *finder) file(at string, u, l *rootfs.Node) (found []Change, hidden bool, err error) {
	switch {
	case l == nil && f.own[at] && u.IsRegular() && u.Stat.Size == 0:
		return nil, true, nil
	case l == nil:
		return []Change{{Kind: added, Path: at}}, false, nil
	case f.compare:
		same, err := same(u, l)
		if err != nil || same {
			return nil, false, err
		}
	}
	return []Change{{Kind: modified, Path: at}}, false, nil
}

// dir decides about a folder.
func (f *finder) dir(at string, u, l *rootfs.Node, depth int) (found []Change, hidden bool, err error) {
	if l != nil && !l.IsDir() {
		l = nil
		found = []Change{{Kind: modified, Path: at}}
	}
	below, hidden, err := f.folder(at, u, l, depth+1)
	if err != nil {
		return nil, false, err
	}
	switch {
	case found != nil: // it was a file
	case l == nil && len(below) == 0 && (f.own[at] || hidden):
		return nil, true, nil
	case l == nil:
		found = []Change{{Kind: added, Path: at}}
	default:
		equal, err := sameMeta(u, l)
		if err != nil {
			return nil, false, err
		}
		if equal && len(below) == 0 && (hidden || f.compare) {
			return nil, hidden, nil
		}
		found = []Change{{Kind: modified, Path: at}}
	}
	return append(found, below...), false, nil
}

// child holds an entry; nil if there is none.
func child(dir *rootfs.Node, name string) (*rootfs.Node, error) {
	n, err := dir.Child(name)
	return n, ignoreGone(err)
}

func closeNode(n *rootfs.Node) {
	if n != nil {
		_ = n.Close()
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) {
		return nil
	}
	return err
}

// overlayPrefixes are what the attributes of overlayfs begin with, for root and
// for user namespaces.
var overlayPrefixes = []string{"trusted.overlay.", "user.overlay."}

// opaque tells whether a folder of the upper one hides all of the lower.
func opaque(n *rootfs.Node) (bool, error) {
	for _, prefix := range overlayPrefixes {
		value, err := n.Xattr(prefix + "opaque")
		if err != nil || string(value) == "y" {
			return err == nil, err
		}
	}
	return false, nil
}

// direct fails for a file whose content or name is somewhere below.
func direct(n *rootfs.Node) error {
	if !n.IsDir() && !n.IsRegular() {
		return nil
	}
	names, err := n.Xattrs()
	if err != nil {
		return err
	}
	for _, prefix := range overlayPrefixes {
		if slices.Contains(names, prefix+"redirect") || slices.Contains(names, prefix+"metacopy") {
			return ErrIndirect
		}
	}
	return nil
}

// sameMeta tells whether owner, kind, mode and capabilities are equal.
func sameMeta(a, b *rootfs.Node) (bool, error) {
	x, y := &a.Stat, &b.Stat
	if x.Mode != y.Mode || x.Uid != y.Uid || x.Gid != y.Gid || x.Rdev != y.Rdev {
		return false, nil
	}
	if !a.IsRegular() {
		return true, nil
	}
	p, err := a.Xattr("security.capability")
	if err != nil {
		return false, err
	}
	q, err := b.Xattr("security.capability")
	return bytes.Equal(p, q), err
}

// same tells whether two files are equal. A time with fractions of a second tells
// by itself; those that images bring have none, so the content is looked at.
func same(a, b *rootfs.Node) (bool, error) {
	if a.Stat.Dev == b.Stat.Dev && a.Stat.Ino == b.Stat.Ino {
		return true, nil
	}
	if equal, err := sameMeta(a, b); !equal || err != nil {
		return false, err
	}
	switch {
	case a.IsLink():
		p, err := a.Target()
		if err != nil {
			return false, err
		}
		q, err := b.Target()
		return p == q, err
	case !a.IsRegular():
		return true, nil
	case a.Stat.Size != b.Stat.Size || a.Stat.Mtim != b.Stat.Mtim:
		return false, nil
	case a.Stat.Size == 0 || a.Stat.Mtim.Nsec != 0:
		return true, nil
	}
	return sameContent(a, b)
}

func sameContent(a, b *rootfs.Node) (equal bool, err error) {
	p, err := a.Open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	q, err := b.Open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	const unit = 256 << 10
	x, y := make([]byte, unit), make([]byte, unit)
	for {
		n, err := io.ReadFull(p, x)
		m, err2 := io.ReadFull(q, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		for _, err := range []error{err, err2} {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
		}
	}
}

// deletion is what a layer calls a file by that is not there any more.
func deletion(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Format: tar.FormatPAX}
}
