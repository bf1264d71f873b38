package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/volume/copyup"
)

// The first container that uses an empty volume fills it with what its image
// has at that place. The copy is made beside the content and appears, once it
// is whole, by renames: a process killed before that leaves a draft, which the
// next one throws away, one killed after it leaves the rest of the renames,
// which the next one does.
const (
	draftCopy = "copy.new"
	wholeCopy = "copy"
)

// Fillable tells whether Fill would have something to do: the volume is nerd's
// own folder and empty. What is mounted over a volume is looked at by Fill.
func (h *Held) Fillable() bool {
	if len(h.Options) > 0 {
		return h.Options[optType] != "tmpfs" // empty again as soon as it is unmounted
	}
	if h.Created {
		return true
	}
	if _, err := os.Lstat(filepath.Join(h.s.folder(h.Name), wholeCopy)); err == nil {
		return true
	}
	empty, err := emptyFolder(h.Path())
	return err != nil || empty
}

func emptyFolder(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(2)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	// A file system that was just made has a folder of its own.
	return len(names) == 0 || len(names) == 1 && names[0] == "lost+found", err
}

// imageFolder opens a folder of an image, following links as a container of it
// would. It is nil if the image has nothing there.
func imageFolder(root, target string) (*os.File, error) {
	base, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer func() { _ = unix.Close(base) }()
	fd, err := openIn(base, target, unix.O_RDONLY|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, unix.ENOTDIR):
		return nil, errorf(errdefs.ErrInvalidArgument, "cannot mount volume over existing file, file exists %s", target)
	case err != nil:
		return nil, fmt.Errorf("looking at %s in the image: %w", target, err)
	}
	return os.NewFile(uintptr(fd), target), nil
}

// Fill copies what an image, mounted at root, has at target into the volume if
// that is empty. A container's id is needed where the volume has to be mounted.
func (h *Held) Fill(ctx context.Context, root, target, container string) error {
	src, err := imageFolder(root, target)
	if err != nil || src == nil {
		return err
	}
	defer func() { _ = src.Close() }()
	if len(h.Options) > 0 {
		return h.fillMounted(ctx, src, container)
	}
	return h.s.withMountLock(ctx, h.Name, func() error { return h.fillFolder(ctx, src) })
}

// fillMounted copies straight into what the volume's options mount: what is
// beside it is on another file system.
func (h *Held) fillMounted(ctx context.Context, src *os.File, container string) (err error) {
	if err := h.s.Mount(ctx, h.Name, container); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.s.Unmount(context.WithoutCancel(ctx), h.Name, container)) }()
	return h.s.withMountLock(ctx, h.Name, func() error {
		empty, err := emptyFolder(h.Path())
		if err != nil || !empty {
			return err
		}
		dst, err := os.Open(h.Path())
		if err != nil {
			return err
		}
		defer func() { _ = dst.Close() }()
		return explainCopy(h.Name, copyup.Tree(ctx, src, dst))
	})
}

func explainCopy(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("filling volume %s with the image's content: %w", name, err)
}

// fillFolder fills nerd's own folder. The caller holds the lock.
func (h *Held) fillFolder(ctx context.Context, src *os.File) error {
	draft, whole := filepath.Join(h.s.folder(h.Name), draftCopy), filepath.Join(h.s.folder(h.Name), wholeCopy)
	if _, err := os.Lstat(whole); err == nil { // a killed process had come that far
		return h.publish(whole)
	}
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	empty, err := emptyFolder(h.Path())
	if err != nil || !empty {
		return err
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return err
	}
	dst, err := os.Open(draft)
	if err != nil {
		return err
	}
	err = errors.Join(copyup.Tree(ctx, src, dst), dst.Close())
	if err != nil {
		return explainCopy(h.Name, errors.Join(err, os.RemoveAll(draft)))
	}
	if err := os.Rename(draft, whole); err != nil {
		return err
	}
	return h.publish(whole)
}

// publish moves a whole copy to where the volume's content is. What a container
// that runs has made there meanwhile stays.
func (h *Held) publish(whole string) error {
	from, err := os.Open(whole)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.Open(h.Path())
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return err
	}
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), name, unix.RENAME_NOREPLACE)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("filling volume %s: %w", h.Name, err)
		}
	}
	// The renames changed the time of the folder that is copied from.
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, whole, []unix.Timespec{st.Atim, st.Mtim}, 0); err != nil {
		return err
	}
	if err := copyup.Attributes(from, to); err != nil {
		return err
	}
	return os.RemoveAll(whole)
}
