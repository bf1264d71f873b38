// Package layer finds out what a container has changed in the files of its image,
// and writes the changes as a layer.
package layer

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/archive"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Change is one file that was added, changed or deleted, by its path from the root.
type Change = container.FilesystemChange

// Options says what is no change.
type Options struct {
	// Own are mount points that were made to start the container. As long as they
	// are empty, they and the folders made for them are not told of.
	Own []string
}

// ErrIndirect says that an overlay's upper folder refers to files below it, so
// that the whole trees have to be compared.
var ErrIndirect = errors.New("the upper folder refers to what is below it")

// finder collects changes.
type finder struct {
	ctx context.Context
	own map[string]bool
	// compare looks at everything in both trees; else only the upper folder of an
	// overlay is walked.
	compare bool
}

func newFinder(ctx context.Context, opts Options, compare bool) *finder {
	f := &finder{ctx: ctx, own: map[string]bool{}, compare: compare}
	for _, p := range opts.Own {
		f.own[path.Clean("/"+p)] = true
	}
	return f
}

// Overlay lists what the upper folder of an overlay changes of the tree below,
// folders before what is in them. It costs as much as there are changes. Where the
// upper folder does not tell by itself the error is ErrIndirect.
func Overlay(ctx context.Context, upper, lower *rootfs.FS, opts Options) ([]Change, error) {
	return newFinder(ctx, opts, false).trees(upper, lower)
}

// Compare lists what is different in a tree from the one it was made of. Both are
// read as a whole.
func Compare(ctx context.Context, tree, original *rootfs.FS, opts Options) ([]Change, error) {
	return newFinder(ctx, opts, true).trees(tree, original)
}

func (f *finder) trees(upper, lower *rootfs.FS) ([]Change, error) {
	u, err := upper.Find("/")
	if err != nil {
		return nil, err
	}
	defer func() { _ = u.Close() }()
	l, err := lower.Find("/")
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	found, _, err := f.folder("/", u, l, 0)
	return found, err
}

// Kinds of changes, as in Docker's API.
const (
	modified = container.ChangeModify
	added    = container.ChangeAdd
	deleted  = container.ChangeDelete
)

// Prefixes of names that mean something in a layer.
const whiteout = ".wh."

// Write writes changes to a sink: files from the tree, deletions as whiteouts. A
// file that has gone meanwhile is left out.
func Write(ctx context.Context, tree *rootfs.FS, changes []Change, sink archive.Sink) error {
	w := archive.Walker{Sink: sink}
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir, base := path.Split(strings.TrimPrefix(c.Path, "/"))
		if strings.HasPrefix(base, whiteout) {
			return errors.New(c.Path + " cannot be put in a layer: there, names that begin with " + whiteout + " stand for deletions. Rename or remove it first")
		}
		var err error
		if c.Kind == deleted {
			err = sink.Put(deletion(dir+whiteout+base), nil)
		} else {
			err = put(ctx, tree, &w, c.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func put(ctx context.Context, tree *rootfs.FS, w *archive.Walker, name string) error {
	n, err := tree.FindLink(name)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	if isWhiteout(n) {
		return nil
	}
	return w.Put(ctx, n, strings.TrimPrefix(name, "/"))
}

func isWhiteout(n *rootfs.Node) bool {
	return n.Stat.Mode&unix.S_IFMT == unix.S_IFCHR && n.Stat.Rdev == 0
}
