package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
)

// A part of a volume, or an image, is mounted for the moment of a container's
// start at a place that the container's specification names, from where the
// runtime takes it. A container that shares the volume could turn a folder into
// a link between nerd's look and the runtime's mount; what was opened inside
// the volume and is held cannot be exchanged.

// StagePath is where the n-th source of a container's mounts is laid out.
func (s *Service) StagePath(container string, n int) string {
	return filepath.Join(s.stageDir(container), fmt.Sprint(n))
}

func (s *Service) stageDir(container string) string {
	return filepath.Join(s.cfg.Layout.Run, s.cfg.Layout.Namespace, "mounts", container)
}

// StageVolume lays out a part of a volume: a folder or a file, by its path in
// the volume. Links are followed, but not out of it.
func (s *Service) StageVolume(name, subpath, target string) error {
	return stagePart(s.Path(name), subpath, target, unix.RESOLVE_BENEATH, func(reason error) error {
		full := filepath.Join(s.Path(name), subpath)
		switch {
		case errors.Is(reason, fs.ErrNotExist):
			return errorf(errdefs.ErrNotFound, "cannot access path %s: no such file or directory", full)
		case errors.Is(reason, unix.EXDEV):
			return errorf(errdefs.ErrInvalidArgument, "path concatenation escapes the base directory, base: %s, subpath: %s", s.Path(name), subpath)
		}
		return fmt.Errorf("cannot access path %s: %w", full, reason)
	})
}

// StageImage lays out an image's root file system, or a part of it, read-only.
// Links are followed as they would be in a container of the image.
func (s *Service) StageImage(rootfs []mount.Mount, image, subpath, target string) error {
	if subpath == "" {
		if err := os.MkdirAll(target, 0o700); err != nil {
			return err
		}
		return mount.All(rootfs, target)
	}
	whole := target + ".image"
	if err := os.MkdirAll(whole, 0o700); err != nil {
		return err
	}
	if err := mount.All(rootfs, whole); err != nil {
		return err
	}
	err := stagePart(whole, subpath, target, unix.RESOLVE_IN_ROOT, func(reason error) error {
		if errors.Is(reason, fs.ErrNotExist) {
			return errorf(errdefs.ErrNotFound, "image %s has no path %s", image, subpath)
		}
		return fmt.Errorf("cannot access path %s of image %s: %w", subpath, image, reason)
	})
	return errors.Join(err, detach(whole), os.Remove(whole))
}

// stagePart opens a path inside root and mounts what it opened at target.
func stagePart(root, path, target string, resolve uint64, explain func(error) error) error {
	base, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer func() { _ = unix.Close(base) }()
	part, err := openIn(base, path, unix.O_PATH, resolve)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = unix.Close(part) }()
	var st unix.Stat_t
	if err := unix.Fstat(part, &st); err != nil {
		return err
	}
	if err := makePlace(target, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
		return err
	}
	tree, err := unix.OpenTree(part, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("mounting %s: %w", path, err)
	}
	defer func() { _ = unix.Close(tree) }()
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting %s at %s: %w", path, target, err)
	}
	return nil
}

// openIn opens a path below a held folder.
func openIn(dir int, path string, flags, resolve uint64) (int, error) {
	for {
		fd, err := unix.Openat2(dir, path, &unix.OpenHow{
			Flags: flags | unix.O_CLOEXEC, Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS,
		})
		// EAGAIN: something was renamed at that moment.
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

// makePlace makes what a mount is put upon, anew: a former start may have left
// something of the other kind.
func makePlace(path string, folder bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := errors.Join(detach(path), removeEmpty(path)); err != nil {
		return err
	}
	if folder {
		return os.Mkdir(path, 0o700)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// removeEmpty removes a file or an empty folder. It never descends: something
// may be mounted there after all.
func removeEmpty(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Unstage takes away what was laid out for a container, once the runtime has it.
func (s *Service) Unstage(container string) error {
	if _, err := os.Lstat(s.stageDir(container)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.unstage(container)
}

func (s *Service) unstage(container string) error {
	dir := s.stageDir(container)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	failed := []error{err}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if err := detach(path); err != nil {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, removeEmpty(path))
	}
	return errors.Join(append(failed, removeEmpty(dir))...)
}

// staged lists the containers for which something is laid out.
func (s *Service) staged() []string {
	entries, _ := os.ReadDir(filepath.Dir(s.stageDir("x"))) // an absent folder has none
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
