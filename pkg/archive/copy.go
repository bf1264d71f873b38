package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Place is a path in a tree. What it ends with says what is meant, as for Docker's
// cp: "/" that it is a folder, "/." the content of one.
type Place struct {
	Tree      *rootfs.FS
	Path      string // absolute
	Container string // whose tree it is, in the user's words; empty: the host's
}

// CopyOptions says how files are copied.
type CopyOptions struct {
	FollowLink bool // a source that is a link stands for what it leads to
	// Owner gives the owner of each file; nil: the caller's own.
	Owner  func(uid, gid int) (int, int)
	Hollow func(path string, parent, n *rootfs.Node) bool // see Walker
	// Check, if set, may refuse a source.
	Check func(n *rootfs.Node) error
	Moved func(n int64) // see Walker
}

// kinded is an error whose text is Docker's own and whose kind does not show in it.
type kinded struct {
	msg  string
	kind error
}

func (k *kinded) Error() string { return k.msg }
func (k *kinded) Unwrap() error { return k.kind }

func invalid(format string, args ...any) error {
	return &kinded{fmt.Sprintf(format, args...), errdefs.ErrInvalidArgument}
}

// Copy copies a file or a folder from one place to another by Docker's rules.
func Copy(ctx context.Context, from, to Place, opts CopyOptions) (err error) {
	src, err := from.source(opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.node.Close()) }()
	dir, name, err := to.destination(src)
	if err != nil {
		return err
	}
	return to.extract(dir, opts, func(e *Extractor) error {
		w := &Walker{Sink: e, Hollow: src.below(opts.Hollow), Moved: opts.Moved}
		return w.Walk(ctx, src.node, name)
	})
}

// Write writes a file or a folder as a tar.
func Write(ctx context.Context, from Place, opts CopyOptions, w *Writer) (err error) {
	src, err := from.source(opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.node.Close()) }()
	name := src.name
	switch {
	case src.content:
		name = "."
	case opts.FollowLink:
		name = from.targetName()
	}
	walker := &Walker{Sink: w, Hollow: src.below(opts.Hollow), Moved: opts.Moved}
	return errors.Join(walker.Walk(ctx, src.node, name), w.Close())
}

// extract makes an extractor for a folder of the place and runs fn with it.
func (p Place) extract(dir string, opts CopyOptions, fn func(*Extractor) error) (err error) {
	e := &Extractor{Tree: p.Tree, Base: dir, Owner: opts.Owner}
	if p.Container == "" {
		// What comes out of a container is made in this very folder, and no link
		// below it is followed, whoever made it.
		if e.Tree, err = p.Tree.At(dir, rootfs.Unlinked); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Tree.Close()) }()
		e.Base, e.Called, e.Tame = "", dir, true
	}
	err = fn(e)
	return errors.Join(err, e.Close())
}

// source is what is to be copied.
type source struct {
	node    *rootfs.Node
	path    string // in its tree, clean
	name    string // what it is called
	content bool   // what is in it, not it
}

// below gives a question about paths of the tree the paths that the walk has.
func (s *source) below(ask func(string, *rootfs.Node, *rootfs.Node) bool) func(string, *rootfs.Node, *rootfs.Node) bool {
	if ask == nil {
		return nil
	}
	return func(rel string, parent, n *rootfs.Node) bool { return ask(path.Join(s.path, rel), parent, n) }
}

// endings takes off what a path ends with: "/" or "/.".
func endings(p string) (clean string, folder, content bool) {
	content = p == "." || strings.HasSuffix(p, "/.")
	folder = content || strings.HasSuffix(p, "/")
	return path.Clean("/" + p), folder, content
}

func (p Place) source(opts CopyOptions) (*source, error) {
	clean, folder, content := endings(p.Path)
	s := &source{path: clean, name: path.Base(clean), content: content || clean == "/"}
	var err error
	if opts.FollowLink || folder {
		s.node, err = p.Tree.Find(clean)
	} else {
		s.node, err = p.Tree.FindLink(clean)
	}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR) && p.Container != "":
		return nil, p.missing("lstat", clean)
	case err != nil:
		return nil, err
	case folder && !s.node.IsDir():
		return nil, errors.Join(p.notFolder("lstat"), s.node.Close())
	}
	if opts.Check != nil {
		if err := opts.Check(s.node); err != nil {
			return nil, errors.Join(err, s.node.Close())
		}
	}
	return s, nil
}

// targetName is the name of what a link leads to.
func (p Place) targetName() string {
	clean, _, _ := endings(p.Path)
	last, err := p.follow(clean)
	if err != nil {
		return path.Base(clean)
	}
	return path.Base(path.Clean("/" + last))
}

// maxLinks is how many links in a row the kernel follows.
const maxLinks = 40

// follow gives the path at the end of a chain of links. The folders on the way
// are left to the kernel, so the path is not cleaned. The last may be missing.
func (p Place) follow(at string) (string, error) {
	for range maxLinks {
		n, err := p.Tree.FindLink(at)
		if errors.Is(err, unix.ENOENT) {
			return at, nil
		}
		if err != nil {
			return "", err
		}
		isLink := n.IsLink()
		target := ""
		if isLink {
			target, err = n.Target()
		}
		if err := errors.Join(err, n.Close()); err != nil {
			return "", err
		}
		if !isLink {
			return at, nil
		}
		if !strings.HasPrefix(target, "/") {
			target = at[:strings.LastIndexByte(at, '/')+1] + target
		}
		at = strings.TrimRight(target, "/")
		if at == "" {
			at = "/"
		}
	}
	return "", invalid("%s: too many links", p.Path)
}

// destination decides in which folder and by which name a source is made.
func (p Place) destination(src *source) (dir, name string, err error) {
	clean, folder, _ := endings(p.Path)
	if p.Path == "" {
		return "", "", invalid("no such directory: %s: has no path, its root is %[1]s:/", p.Container)
	}
	last, err := p.follow(clean)
	if err != nil && !errors.Is(err, unix.ENOTDIR) {
		return "", "", err
	}
	var at *rootfs.Node
	if err == nil {
		at, err = p.Tree.Find(last)
	}
	switch {
	case err == nil && at.IsDir():
		if src.content {
			return last, ".", at.Close()
		}
		return last, src.name, at.Close()
	case err == nil:
		err = at.Close()
		switch {
		case err != nil:
		case folder:
			err = p.notFolder("stat")
		case src.node.IsDir():
			err = invalid("cannot copy directory")
		case p.Container == "" && !at.IsRegular():
			err = invalid("invalid output path: %q must be a directory or a regular file", p.Path)
		}
	case errors.Is(err, unix.ENOENT):
		if folder && !src.node.IsDir() {
			return "", "", invalid("no such directory")
		}
		err = p.checkParent(last)
	case errors.Is(err, unix.ENOTDIR):
		err = p.checkParent(clean)
	}
	i := strings.LastIndexByte(last, '/')
	return last[:i+1], last[i+1:], err
}

// checkParent says what is wrong with the folder that something is to be made in.
func (p Place) checkParent(file string) error {
	dir := path.Dir(path.Clean("/" + file))
	n, err := p.Tree.Find(file[:strings.LastIndexByte(file, '/')+1])
	switch {
	case errors.Is(err, unix.ENOENT) && p.Container == "":
		return &kinded{fmt.Sprintf("invalid output path: directory %q does not exist", dir), errdefs.ErrNotFound}
	case errors.Is(err, unix.ENOENT):
		return p.missing("", dir)
	case errors.Is(err, unix.ENOTDIR):
		return p.notFolder("stat")
	case err != nil:
		return err
	}
	defer func() { _ = n.Close() }()
	if !n.IsDir() {
		return p.notFolder("stat")
	}
	return nil
}

func (p Place) missing(op, file string) error {
	if p.Container != "" {
		return &kinded{fmt.Sprintf("Could not find the file %s in container %s", file, p.Container), errdefs.ErrNotFound}
	}
	return &kinded{fmt.Sprintf("%s %s: no such file or directory", op, file), errdefs.ErrNotFound}
}

func (p Place) notFolder(op string) error {
	if p.Container != "" && op == "stat" {
		return invalid("extraction point is not a directory: %s", p.Path)
	}
	return invalid("%s %s: not a directory", op, p.Path)
}

// Unpack makes the files of a tar, which may be compressed, in a folder.
func Unpack(ctx context.Context, r io.Reader, to Place, opts CopyOptions) error {
	clean, _, _ := endings(to.Path)
	n, err := to.Tree.Find(clean)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return to.mustBeFolder()
	case err != nil:
		return err
	}
	isDir := n.IsDir()
	if err := n.Close(); err != nil {
		return err
	}
	if !isDir {
		return to.mustBeFolder()
	}
	return to.extract(clean, opts, func(e *Extractor) error { return e.Extract(ctx, r) })
}

func (p Place) mustBeFolder() error {
	return invalid("destination \"%s:%s\" must be a directory", p.Container, p.Path)
}
