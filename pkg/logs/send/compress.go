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

// mostFiles is more rotated files than anybody keeps.
const mostFiles = 10000

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
	found, gap := "", 0
	for i := 1; i < mostFiles && gap < 16; i++ {
		name := path + "." + strconv.Itoa(i)
		_, plain := os.Lstat(name)
		_, packed := os.Lstat(name + ".gz")
		if plain == nil {
			found = name
		}
		if gap++; plain == nil || packed == nil {
			gap = 0
		}
	}
	return found
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

// nowNamed is the name that a file has by now.
func nowNamed(path string, info fs.FileInfo) string {
	for i := 1; i < mostFiles; i++ {
		name := path + "." + strconv.Itoa(i)
		if now, err := os.Lstat(name); err == nil && os.SameFile(now, info) {
			return name
		}
		if _, err := os.Lstat(name + ".gz"); err != nil && i > 1<<8 {
			break
		}
	}
	return ""
}
