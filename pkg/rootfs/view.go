package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

// Bind is a file or folder of the host that is seen in a tree.
type Bind struct {
	Source, Target string
	ReadOnly       bool
	Recursive      bool // what is mounted below the source too, and read-only if that is set
}

// ViewOptions says what is seen of a root file system.
type ViewOptions struct {
	// Place is a folder to mount at, any that exists: nothing of it shows there.
	Place string
	Binds []Bind
	// ReadOnly refuses to write anywhere but in binds.
	ReadOnly bool
}

// View mounts a root file system, and binds on top of it, where no other process
// sees it, and holds its root. Paths in it are resolved Inside. What is mounted
// goes with the descriptors: when the FS is closed, or this process ends in any
// way, nothing is left. A bind whose source does not exist is left out.
func View(mounts []mount.Mount, opts ViewOptions) (*FS, error) {
	return private(func() (tree *FS, err error) {
		// The place may be above the sources, so these are held first.
		sources := make([]int, 0, len(opts.Binds))
		defer func() {
			for _, fd := range sources {
				_ = unix.Close(fd)
			}
		}()
		binds := sorted(opts.Binds)
		for _, b := range binds {
			fd, err := b.open()
			if err != nil {
				return nil, fmt.Errorf("mounting %s at %s: %w", b.Source, b.Target, err)
			}
			sources = append(sources, fd)
		}
		if err := mountAll(opts.Place, mounts); err != nil {
			return nil, err
		}
		root, err := Open(opts.Place, Inside)
		if err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, root.Close())
			}
		}()
		for i, b := range binds {
			if sources[i] < 0 {
				continue
			}
			if err := root.bind(sources[i], b.Target); err != nil {
				return nil, fmt.Errorf("mounting %s at %s: %w", b.Source, b.Target, err)
			}
		}
		if opts.ReadOnly {
			if err := readOnly(root.Fd(), false); err != nil {
				return nil, fmt.Errorf("mounting the root file system read-only: %w", err)
			}
		}
		space, err := os.Open("/proc/thread-self/ns/mnt")
		if err != nil {
			return nil, err
		}
		root.hold = append(root.hold, space)
		return root, nil
	})
}

// private runs fn on a thread with a mount namespace of its own, which ends with
// the thread unless it is held.
func private(fn func() (*FS, error)) (tree *FS, err error) {
	return onThread(func() (*FS, error) {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return nil, fmt.Errorf("making a mount namespace: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return nil, fmt.Errorf("making mounts private: %w", err)
		}
		return fn()
	})
}

// onThread runs fn on an operating system thread that is used for nothing else
// and ends with it.
func onThread(fn func() (*FS, error)) (tree *FS, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		tree, err = fn()
	}()
	<-done
	return tree, err
}

func mountAll(place string, mounts []mount.Mount) error {
	for _, m := range mounts {
		if m.Type == "overlay" {
			if err := mountOverlay(place, m); err != nil {
				return err
			}
			continue
		}
		if err := m.Mount(place); err != nil {
			return fmt.Errorf("mounting the root file system: %w", err)
		}
	}
	return nil
}

// mountOverlay mounts an overlay whose options may be longer than the page that
// the kernel takes: folders below a common one are named from there. The thread's
// working directory is its own.
func mountOverlay(place string, m mount.Mount) error {
	o := ParseOverlay(m)
	base := commonFolder(append(slices.Clone(o.Lower), o.Upper, o.Work))
	rel := func(path string) string { return strings.TrimPrefix(path, base+"/") }
	var opts []string
	lower := make([]string, len(o.Lower))
	for i, l := range o.Lower {
		lower[i] = rel(l)
	}
	opts = append(opts, "lowerdir="+strings.Join(lower, ":"))
	if o.Upper != "" {
		opts = append(opts, "upperdir="+rel(o.Upper), "workdir="+rel(o.Work))
	}
	opts = append(opts, o.rest...)
	if base != "" {
		if err := unix.Chdir(base); err != nil {
			return &fs.PathError{Op: "chdir", Path: base, Err: err}
		}
	}
	data := strings.Join(opts, ",")
	if len(data) >= os.Getpagesize() {
		return fmt.Errorf("mounting the root file system: it has too many layers (%d)", len(o.Lower))
	}
	if err := unix.Mount("overlay", place, "overlay", o.flags, data); err != nil {
		return fmt.Errorf("mounting the root file system: %w", err)
	}
	return nil
}

// commonFolder is the deepest folder above all paths, empty if that is the root.
func commonFolder(paths []string) string {
	common := ""
	for _, p := range paths {
		if p == "" {
			continue
		}
		if !filepath.IsAbs(p) {
			return ""
		}
		if common == "" {
			common = filepath.Dir(p)
		}
		for common != "/" && !strings.HasPrefix(p, common+"/") {
			common = filepath.Dir(common)
		}
	}
	return strings.TrimSuffix(common, "/")
}

// sorted puts what is mounted on a folder before what is mounted below it.
func sorted(binds []Bind) []Bind {
	out := slices.Clone(binds)
	slices.SortStableFunc(out, func(a, b Bind) int {
		return strings.Count(filepath.Clean(a.Target), "/") - strings.Count(filepath.Clean(b.Target), "/")
	})
	return out
}

// open holds a copy of the mount at the source, to be put elsewhere; -1 if there
// is nothing.
func (b Bind) open() (fd int, err error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if b.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	fd, err = unix.OpenTree(unix.AT_FDCWD, b.Source, flags)
	if errors.Is(err, unix.ENOENT) {
		return -1, nil
	}
	if err == nil && b.ReadOnly {
		if err = readOnly(fd, b.Recursive); err != nil {
			_ = unix.Close(fd)
		}
	}
	return fd, err
}

func readOnly(fd int, recursive bool) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return unix.MountSetattr(fd, "", flags, &attr)
}

// bind puts a held mount at a path of the tree, which is resolved inside the root
// and used through its descriptor: it cannot be swapped between the look and the
// mount.
func (t *FS) bind(source int, target string) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return err
	}
	place, err := t.mountPoint(target, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer func() { _ = place.Close() }()
	return unix.MoveMount(source, "", place.fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// mountPoint holds the place of a mount, which is made if it is missing, as a
// container's start would.
func (t *FS) mountPoint(path string, dir bool) (*Node, error) {
	n, err := t.Find(path)
	if !errors.Is(err, unix.ENOENT) {
		return n, err
	}
	if dir {
		return t.MkdirAll(path, 0o755)
	}
	above, base := split(path)
	parent, err := t.MkdirAll(above, 0o755)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	if err := unix.Mknodat(parent.fd, base, unix.S_IFREG|0o755, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return parent.Child(base)
}
