package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds the memory that a hostile frame header can ask for.
const zstdWindow = 128 << 20

var magics = []struct {
	kind  string
	bytes []byte
}{
	{"gzip", []byte{0x1f, 0x8b}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}},
	{"bzip2", []byte("BZh")},
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}},
}

// Compression names how the stream at r is compressed: gzip, zstd, bzip2, xz, or
// empty if it is not. Nothing is consumed.
func Compression(r *bufio.Reader) (string, error) {
	head, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, m.bytes) {
			return m.kind, nil
		}
	}
	return "", nil
}

// Decompress gives the plain bytes of a stream that may be compressed. It works
// in this process alone: no program found on PATH ever sees the data.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	kind, err := Compression(buffered)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "gzip":
		return gzip.NewReader(buffered)
	case "zstd":
		d, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	case "xz":
		return nil, fmt.Errorf("xz is not supported: decompress it first, with xz -dc: %w", errdefs.ErrInvalidArgument)
	}
	return io.NopCloser(buffered), nil
}
