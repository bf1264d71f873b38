package compress

import (
	"fmt"
	"io"
	"runtime"

	"github.com/containerd/errdefs"
	"github.com/klauspost/compress/zstd"
)

// NewWriter compresses to w, on all processors: by gzip or zstd, or not at all
// (Uncompressed). Close completes the stream and leaves w open.
func NewWriter(w io.Writer, method string) (io.WriteCloser, error) {
	switch method {
	case Gzip:
		return newGzip(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithEncoderLevel(zstd.SpeedFastest))
	case Uncompressed:
		return keepOpen{w}, nil
	}
	return nil, fmt.Errorf("invalid compression %q: gzip, zstd or uncompressed is expected: %w", method, errdefs.ErrInvalidArgument)
}

type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }
