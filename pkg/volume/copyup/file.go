package copyup

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// file copies a regular file.
func file(src, dst int, name string) error {
	// What was a file a moment ago may be a pipe by now: do not wait for its writer.
	in, err := unix.Openat(src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	from := os.NewFile(uintptr(in), name)
	defer func() { _ = from.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(in, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it changed while it was copied")
	}
	out, err := unix.Openat(dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(out), name)
	if err := data(from, to, &st); err != nil {
		return errors.Join(err, to.Close())
	}
	if err := attributes(in, out, &st); err != nil {
		return errors.Join(err, to.Close())
	}
	return to.Close()
}

// data copies the bytes of a file: shared where the file system can do that, in
// the kernel otherwise. Holes stay holes.
func data(from, to *os.File, st *unix.Stat_t) error {
	if st.Size == 0 {
		return nil
	}
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	if st.Blocks*512 >= st.Size {
		_, err := io.Copy(to, from)
		return err
	}
	return sparse(from, to, st.Size)
}

// sparse copies the parts of a file that hold data.
func sparse(from, to *os.File, size int64) error {
	for at := int64(0); at < size; {
		begin, err := from.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but a hole is left
			break
		}
		if err != nil {
			return err
		}
		end, err := from.Seek(begin, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := from.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		if _, err := to.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(to, from, end-begin); err != nil {
			return err
		}
		at = end
	}
	return to.Truncate(size)
}
