package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	bufferSize = 1 << 20
	// holeSize is the unit in which zeros are looked for and left out.
	holeSize = 64 << 10
	// stride bounds one system call that moves data, so that progress shows and a
	// cancelled context is seen.
	stride = 16 << 20
)

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// store writes what an ordinary file holds, size bytes, to a new file. Zeros
// become holes.
func store(dst *os.File, content io.Reader, size int64) error {
	if r, ok := content.(*fileReader); ok {
		return r.storeTo(dst, size)
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var done int64
	for done < size {
		n, err := io.ReadFull(content, (*buf)[:min(size-done, bufferSize)])
		if err != nil {
			return err
		}
		if err := writeSparse(dst, (*buf)[:n], done); err != nil {
			return err
		}
		done += int64(n)
	}
	return dst.Truncate(size)
}

var zeros [holeSize]byte

// writeSparse writes data at an offset of a new file but for whole units of zeros.
func writeSparse(dst *os.File, data []byte, at int64) error {
	start := 0
	flush := func(end int) error {
		if start == end {
			return nil
		}
		_, err := dst.WriteAt(data[start:end], at+int64(start))
		return err
	}
	for i := 0; i+holeSize <= len(data); i += holeSize {
		if !bytes.Equal(data[i:i+holeSize], zeros[:]) {
			continue
		}
		if err := flush(i); err != nil {
			return err
		}
		start = i + holeSize
	}
	return flush(len(data))
}

// storeTo copies from file to file within the kernel, leaving holes out.
func (r *fileReader) storeTo(dst *os.File, size int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(r.f.Fd()), &st); err != nil {
		return err
	}
	if st.Blocks*512 >= size {
		if _, err := r.transfer(dst, size); err != nil {
			return err
		}
		return dst.Truncate(size) // it may have become shorter
	}
	for at := int64(0); at < size; {
		data, err := unix.Seek(int(r.f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(r.f.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		hole = min(hole, size)
		if data >= hole {
			break
		}
		if _, err := r.f.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if _, err := dst.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if _, err := r.transfer(dst, hole-data); err != nil {
			return err
		}
		at = hole
	}
	return dst.Truncate(size)
}

// transfer moves n bytes from where the file stands to where another does, by the
// shortest way the kernel has for the two. It ends early if the file does.
func (r *fileReader) transfer(dst *os.File, n int64) (done int64, err error) {
	src := r.f
	ways := []func(want int) (int, error){
		func(want int) (int, error) {
			return unix.CopyFileRange(int(src.Fd()), nil, int(dst.Fd()), nil, want, 0)
		},
		func(want int) (int, error) { return unix.Sendfile(int(dst.Fd()), int(src.Fd()), nil, want) },
	}
	for _, way := range ways {
		for done < n {
			if err := r.ctx.Err(); err != nil {
				return done, err
			}
			m, err := way(int(min(n-done, stride)))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err == nil && m > 0 {
				done += int64(m)
				r.count(int64(m))
				continue
			}
			if err != nil && !unfit(err) {
				return done, err
			}
			break // the end of the file, or a pair of files that it does not do
		}
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for done < n {
		if err := r.ctx.Err(); err != nil {
			return done, err
		}
		m, err := src.Read((*buf)[:min(n-done, bufferSize)])
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		r.count(int64(m))
		if _, err := dst.Write((*buf)[:m]); err != nil {
			return done, err
		}
		done += int64(m)
	}
	return done, nil
}

// unfit tells whether a way of copying is not for these two files.
func unfit(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EBADF, unix.EAGAIN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
