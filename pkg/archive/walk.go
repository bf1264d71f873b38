package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// maxDepth bounds folders within folders. A path of so many parts is longer than
// the kernel lets anybody name, and each level holds a descriptor.
const maxDepth = unix.PathMax / 2

// Walker gives files of a tree to a sink.
type Walker struct {
	Sink Sink
	// Skip, if set, is asked before a file is taken; path is slash-separated and
	// relative to the top. Nothing below a folder that is skipped is looked at.
	Skip func(path string, n *rootfs.Node) bool
	// Hollow, if set, tells which folders are given without what is in them.
	Hollow func(path string, parent, n *rootfs.Node) bool

	// Moved, if set, is told how many bytes of a tar have been dealt with, headers
	// and padding included.
	Moved func(n int64)

	links map[inode]string
}

type inode struct{ dev, ino uint64 }

// Walk gives a node, under a name, and everything below it, in the order of their
// names. Files that vanish meanwhile are passed over.
func (w *Walker) Walk(ctx context.Context, n *rootfs.Node, name string) error {
	w.links = map[inode]string{}
	return w.walk(ctx, n, n, name, "", 0)
}

func (w *Walker) walk(ctx context.Context, parent, n *rootfs.Node, name, path string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return refused(name, "folders are nested too deeply")
	}
	if w.Skip != nil && w.Skip(path, n) {
		return nil
	}
	if err := w.put(ctx, n, name); err != nil {
		return err
	}
	w.moved(blockSize)
	if !n.IsDir() || w.Hollow != nil && w.Hollow(path, parent, n) {
		return nil
	}
	return w.children(ctx, n, name, path, depth)
}

// Children gives everything below a folder, by names relative to it.
func (w *Walker) Children(ctx context.Context, n *rootfs.Node) error {
	w.links = map[inode]string{}
	return w.children(ctx, n, "", "", 0)
}

func (w *Walker) children(ctx context.Context, n *rootfs.Node, name, path string, depth int) error {
	names, err := n.Names()
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, base := range names {
		if err := w.child(ctx, n, base, join(name, base), join(path, base), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *Walker) child(ctx context.Context, parent *rootfs.Node, base, name, path string, depth int) error {
	n, err := parent.Child(base)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	return w.walk(ctx, parent, n, name, path, depth)
}

// Put gives one file, without what is in it if it is a folder.
func (w *Walker) Put(ctx context.Context, n *rootfs.Node, name string) error {
	if w.links == nil {
		w.links = map[inode]string{}
	}
	return w.put(ctx, n, name)
}

func (w *Walker) put(ctx context.Context, n *rootfs.Node, name string) error {
	if !n.IsDir() && n.Stat.Nlink > 1 {
		key := inode{n.Stat.Dev, n.Stat.Ino}
		if first, ok := w.links[key]; ok {
			return w.putLink(n, name, first)
		}
		w.links[key] = name
	}
	if !n.IsRegular() {
		h, ok, err := header(n, name)
		if err != nil || !ok {
			return err
		}
		return w.Sink.Put(h, nil)
	}
	f, err := n.Open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h, _, err := header(n, name)
	if err != nil {
		return err
	}
	w.moved(padding(h.Size))
	return w.Sink.Put(h, &fileReader{ctx: ctx, f: f, left: h.Size, moved: w.Moved})
}

func (w *Walker) moved(n int64) {
	if w.Moved != nil {
		w.Moved(n)
	}
}

// putLink gives one more name of a file that was given before.
func (w *Walker) putLink(n *rootfs.Node, name, first string) error {
	h, ok, err := header(n, name)
	if err != nil || !ok {
		return err
	}
	h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, first, 0, nil
	return w.Sink.Put(h, nil)
}

// fileReader reads a file that may change while it is read. It gives exactly as
// many bytes as the file had when it was found: what a shorter one lacks is zeros.
type fileReader struct {
	ctx   context.Context // of the walk that it belongs to
	f     *os.File
	left  int64
	moved func(int64)
}

func (r *fileReader) count(n int64) {
	if r.moved != nil {
		r.moved(n)
	}
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.f.Read(p)
	if errors.Is(err, io.EOF) {
		clear(p)
		n, err = len(p), nil
	}
	r.left -= int64(n)
	r.count(int64(n))
	return n, err
}

// gone tells whether a file has vanished since its name was read.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESTALE)
}

func join(dir, base string) string {
	switch {
	case dir == "":
		return base
	case dir[len(dir)-1] == '/':
		return dir + base
	}
	return dir + "/" + base
}
