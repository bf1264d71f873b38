package ctrdtest

import (
	"archive/tar"
	"errors"
	"io"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readTar reads a whole tar stream, failing where an extractor would, and gives
// the digest of all its bytes.
func readTar(r io.Reader) (ocispec.Descriptor, error) {
	sum := digest.Canonical.Digester()
	counted := io.TeeReader(r, sum.Hash())
	entries := tar.NewReader(counted)
	for {
		_, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return ocispec.Descriptor{}, err
	}
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: sum.Digest()}, nil
}
