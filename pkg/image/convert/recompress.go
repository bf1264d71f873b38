package convert

import (
	"context"
	"errors"
	"io"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/image"
)

// Uncompressed leaves the layers plain tars.
func Uncompressed() image.LayerFunc {
	return convert(func(ctx context.Context, s *source) (image.Layer, error) {
		mediaType := ocispec.MediaTypeImageLayer
		if images.IsDockerType(s.layer.Desc.MediaType) {
			mediaType = images.MediaTypeDockerSchema2Layer
		}
		return s.write(ctx, "plain", mediaType, func(w io.Writer) (digest.Digest, error) {
			return s.layer.DiffID, s.checkedTar(func(r io.Reader) error {
				_, err := io.Copy(w, r)
				return err
			})
		})
	})
}

// Zstd compresses the layers with zstd at a level from 1 to 22, as its own command
// line counts them. Such layers are of OCI's format alone.
func Zstd(level int) image.LayerFunc {
	return convert(func(ctx context.Context, s *source) (image.Layer, error) {
		return s.write(ctx, "zstd", ocispec.MediaTypeImageLayerZstd, func(w io.Writer) (digest.Digest, error) {
			z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
			if err != nil {
				return "", err
			}
			err = s.checkedTar(func(r io.Reader) error {
				_, err := io.Copy(z, r)
				return err
			})
			// Also after a failure: its workers write to w until it is closed.
			if err := errors.Join(err, z.Close()); err != nil {
				return "", err
			}
			return s.layer.DiffID, nil
		})
	})
}
