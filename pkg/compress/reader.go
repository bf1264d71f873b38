// Package compress reads and writes compressed streams, in this process alone: no
// program found on PATH ever sees the data. What comes in is hostile: the memory
// that a stream can ask for is bounded. How much comes out is for the caller to
// bound.
package compress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// Ways in which a stream may be compressed.
const (
	Gzip         = "gzip"
	Zstd         = "zstd"
	Bzip2        = "bzip2" // read alone
	XZ           = "xz"    // read alone
	Uncompressed = "uncompressed"
)

// maxWindow bounds the memory that a hostile header can ask for, in bytes: twice
// what the largest level of xz takes, and what zstd takes without --long.
const maxWindow = 128 << 20

var magics = []struct {
	kind  string
	bytes []byte
}{
	{Gzip, []byte{0x1f, 0x8b}},
	{Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd}},
	{Bzip2, []byte("BZh")},
	{XZ, []byte{0xfd, '7', 'z', 'X', 'Z', 0}},
}

// Detect names how the stream at r is compressed, Uncompressed if it is not in a
// way that is known. Nothing is consumed.
func Detect(r *bufio.Reader) (string, error) {
	head, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, m.bytes) {
			return m.kind, nil
		}
	}
	return Uncompressed, nil
}

// NewReader gives the plain bytes of a stream that may be compressed.
func NewReader(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	kind, err := Detect(buffered)
	if err != nil {
		return nil, err
	}
	switch kind {
	case Gzip:
		return gzip.NewReader(buffered)
	case Zstd:
		d, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	case XZ:
		d, err := xz.NewReader(buffered, maxWindow)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(d), nil
	}
	return io.NopCloser(buffered), nil
}
