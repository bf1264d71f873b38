package send

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// Compress compresses the rotated files LOG.1, LOG.2 ... of the log at path to
// LOG.1.gz and so on, oldest first, until none is left. Rotation may go on
// meanwhile; only one process does this at a time.
func Compress(path string) error {
	only, err := os.OpenFile(path+".compress", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = only.Close() }() // nothing was written
	if err := unix.Flock(int(only.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // somebody is at it
	}
	for {
		name := oldest(path)
		if name == "" {
			return nil
		}
		if err := compressOne(path, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("compress %s: %w", name, err)
		}
	}
}

// oldest is the rotated file with the highest number that is not compressed.
func oldest(path string) string {
	found := ""
	rotatedFiles(path, func(name string, info fs.FileInfo) bool {
		if info != nil {
			found = name
		}
		return true
	})
	return found
}

// rotatedFiles calls fn with LOG.1, LOG.2 and so on, and nil for one that is only
// there compressed or, in the midst of a rotation, not at all; until fn is false.
func rotatedFiles(path string, fn func(name string, info fs.FileInfo) bool) {
	const gaps = 16 // more than there are in any rotation
	for i, gap := 1, 0; gap < gaps; i++ {
		name := path + "." + strconv.Itoa(i)
		info, err := os.Lstat(name)
		if _, packed := os.Lstat(name + ".gz"); err == nil || packed == nil {
			gap = 0
		} else {
			gap++
		}
		if err != nil {
			info = nil
		}
		if !fn(name, info) {
			return
		}
	}
}

// compressOne writes the compressed file without a name, so that a kill leaves
// nothing, and gives it one under the lock by which the log is rotated.
func compressOne(path, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := nameless(path)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // pack has found its errors
	if err := pack(out, in, info); err != nil {
		return err
	}
	lock, err := os.OpenFile(path+wire.LockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // nothing was written
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	name = nowNamed(path, info)
	if name == "" { // it was the oldest, and is gone
		return nil
	}
	if err := os.Remove(name + ".gz"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", out.Fd()), unix.AT_FDCWD, name+".gz", unix.AT_SYMLINK_FOLLOW); err != nil {
		return err
	}
	return os.Remove(name)
}

// nameless makes a file without a name beside path.
func nameless(path string) (*os.File, error) {
	dir := "."
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			dir = path[:i+1]
			break
		}
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path+".gz"), nil
}

// pack compresses. The comment tells which file it was made of, so that a follower
// who has read that file knows this one.
func pack(out io.Writer, in io.Reader, info fs.FileInfo) error {
	w, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w.Comment = wire.PackedComment(inode(info))
	w.ModTime = info.ModTime()
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	return w.Close()
}

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// nowNamed is the name that a file has by now; "" if it has none.
func nowNamed(path string, info fs.FileInfo) string {
	found := ""
	rotatedFiles(path, func(name string, now fs.FileInfo) bool {
		if now != nil && os.SameFile(now, info) {
			found = name
		}
		return found == ""
	})
	return found
}
