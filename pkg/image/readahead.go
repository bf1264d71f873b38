package image

import (
	"context"
	"errors"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readAhead is how much is read of a blob at a time. Each read is a call to
// containerd, and callers such as io.Copy ask for 32 KiB.
const readAhead = 4 << 20

// aheadStore reads blobs in large steps.
type aheadStore struct{ content.Store }

func (s aheadStore) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	ra, err := s.Store.ReaderAt(ctx, desc)
	if err != nil || ra.Size() <= 1<<16 {
		return ra, err
	}
	return &aheadReader{ReaderAt: ra}, nil
}

// aheadReader keeps the step around the last read. It is for one reader at a time.
type aheadReader struct {
	content.ReaderAt
	step  []byte
	start int64
	n     int // bytes of step that hold data
}

func (r *aheadReader) ReadAt(p []byte, off int64) (int, error) {
	if len(p) >= readAhead || off < 0 || off >= r.Size() {
		return r.ReaderAt.ReadAt(p, off)
	}
	done := 0
	for done < len(p) && off < r.Size() {
		if off < r.start || off >= r.start+int64(r.n) {
			if err := r.fill(off); err != nil {
				return done, err
			}
		}
		n := copy(p[done:], r.step[off-r.start:r.n])
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (r *aheadReader) fill(off int64) error {
	if r.step == nil {
		r.step = make([]byte, min(readAhead, r.Size()))
	}
	n, err := r.ReaderAt.ReadAt(r.step[:min(int64(len(r.step)), r.Size()-off)], off)
	r.start, r.n = off, n
	if n > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	if n == 0 && err == nil {
		return io.ErrNoProgress
	}
	return err
}
