package archive

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/compress"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Extractor is a Sink that makes the files in a tree. Whatever a name or a link
// says, and whoever changes the tree meanwhile, nothing outside of it is touched:
// each file is made in a folder that is held, by a name without slashes, and is
// given its owner and mode through its own descriptor.
//
// A file that is in the way is replaced, a link too: it is not followed. Folders
// are merged. A folder does not give way to a file, nor a file to a folder.
type Extractor struct {
	// Tree is where to; its rule says whether links among the folders of a name
	// are followed.
	Tree *rootfs.FS
	// Base is the folder of the tree that names are relative to. It exists.
	Base string
	// Called is the base's name in messages; empty: Base.
	Called string
	// Owner gives the owner that a file gets; nil: the caller's own.
	Owner func(uid, gid int) (int, int)
	// Tame leaves out what gives power to a file: set-id bits and capabilities;
	// and it refuses devices. For files that come from a container to the host.
	Tame bool

	dir     *rootfs.Node // the folder last used
	dirName string
	times   []folderTime
}

type folderTime struct {
	name string
	at   time.Time
}

// Extract makes the files of a tar, which may be compressed.
func (e *Extractor) Extract(ctx context.Context, r io.Reader) (err error) {
	plain, err := compress.NewReader(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	files := tar.NewReader(plain)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := e.Put(h, cancellable{ctx, files}); err != nil {
			return err
		}
	}
	// The writer of the archive may still have padding to write.
	_, err = io.CopyN(io.Discard, plain, bufferSize)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// cancellable is a reader that ends with a context.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}

// Close gives the folders their times, which making files in them has changed,
// and lets go of what it holds. The tree is left open.
func (e *Extractor) Close() error {
	var errs []error
	for i := len(e.times) - 1; i >= 0; i-- {
		t := e.times[i]
		dir, base := path.Split(t.name)
		parent, err := e.folder(strings.TrimSuffix(dir, "/"))
		if err == nil {
			err = setTime(parent, base, t.at)
		}
		if err != nil && !gone(err) {
			errs = append(errs, err)
		}
	}
	e.times = nil
	e.forget()
	return errors.Join(errs...)
}

// Put makes one file.
func (e *Extractor) Put(h *tar.Header, content io.Reader) error {
	name, err := cleanName(h.Name)
	if err != nil {
		return err
	}
	if name == "" { // the folder that is extracted to
		return nil
	}
	if err := checkOwner(h); err != nil {
		return err
	}
	dir, base := path.Split(name)
	parent, err := e.folder(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return e.describe(name, err)
	}
	return e.describe(name, e.put(parent, base, name, h, content))
}

func (e *Extractor) put(parent *rootfs.Node, base, name string, h *tar.Header, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return e.putFolder(parent, base, name, h)
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return e.putFile(parent, base, name, h, content)
	case tar.TypeLink:
		return e.putHardLink(parent, base, name, h)
	case tar.TypeSymlink:
		if err := e.fresh(parent, base, name, func() error { return unix.Symlinkat(h.Linkname, parent.Fd(), base) }); err != nil {
			return err
		}
		if uid, gid, ok := e.owner(h); ok {
			if err := unix.Fchownat(parent.Fd(), base, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return err
			}
		}
		return setTime(parent, base, h.ModTime)
	case tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
		return e.putSpecial(parent, base, name, h)
	}
	return fmt.Errorf("a file of type %q cannot be extracted", h.Typeflag)
}

// cleanName makes a name relative to the folder that is extracted to. One that
// leads out of it is refused.
func cleanName(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("the archive names %q, which is outside of the folder it is extracted to", name)
	}
	if strings.ContainsRune(clean, 0) {
		return "", fmt.Errorf("the archive names %q, which no file can be called", name)
	}
	if clean == "." {
		return "", nil
	}
	return clean, nil
}

// checkOwner refuses ids that the kernel would take for "leave as it is".
func checkOwner(h *tar.Header) error {
	for _, id := range []int{h.Uid, h.Gid} {
		if id < 0 || int64(id) >= math.MaxUint32 {
			return refused(h.Name, "the archive gives it the owner %d, which is no user or group", id)
		}
	}
	return nil
}

func (e *Extractor) owner(h *tar.Header) (uid, gid int, ok bool) {
	if e.Owner == nil {
		return 0, 0, false
	}
	uid, gid = e.Owner(h.Uid, h.Gid)
	return uid, gid, true
}

func (e *Extractor) mode(h *tar.Header) uint32 {
	mode := uint32(h.Mode) & 0o7777
	if e.Tame {
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	return mode
}

// folder holds a folder, made if it is missing. The last one stays held: most
// files follow one of the same folder.
func (e *Extractor) folder(name string) (*rootfs.Node, error) {
	if e.dir != nil && e.dirName == name {
		return e.dir, nil
	}
	full := join(e.Base, name)
	n, err := e.Tree.Find(full)
	if errors.Is(err, unix.ENOENT) {
		n, err = e.Tree.MkdirAll(full, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, errors.Join(unix.ENOTDIR, n.Close())
	}
	e.forget()
	e.dir, e.dirName = n, name
	return n, nil
}

func (e *Extractor) forget() {
	if e.dir != nil {
		_ = e.dir.Close()
		e.dir = nil
	}
}

// describe says which file an error is about.
func (e *Extractor) describe(name string, err error) error {
	var conflict *ConflictError
	if err == nil || errors.As(err, &conflict) {
		return err
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
		return refused(e.place(name), "a link on the way to it is not followed")
	}
	return fmt.Errorf("%s: %w", e.place(name), err)
}

func (e *Extractor) place(name string) string {
	return "/" + strings.TrimLeft(join(cmp.Or(e.Called, e.Base), name), "/")
}

// ConflictError says that a folder would have to give way to a file, or a file to
// a folder.
type ConflictError struct {
	Path  string // in the tree
	IsDir bool   // there is a folder, and a file was to be made
}

func (c *ConflictError) Error() string {
	if c.IsDir {
		return fmt.Sprintf("cannot overwrite directory %q with non-directory", c.Path)
	}
	return fmt.Sprintf("cannot overwrite non-directory %q with directory", c.Path)
}
