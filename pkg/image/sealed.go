package image

import (
	"context"
	"errors"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// sealedError is about a layer that not every containerd can unpack: one that is
// encrypted, or a file system of its own. An image of such layers can be kept,
// pushed, saved and converted all the same.
type sealedError struct {
	mediaType string
	cause     error
}

func (e *sealedError) Error() string {
	if strings.HasSuffix(e.mediaType, "+encrypted") {
		return "it is encrypted: decrypt the image first, with nerd image decrypt --key FILE IMAGE NEW_NAME"
	}
	return "it is of the type " + e.mediaType + ", which the snapshotter does not take: use another one, with --snapshotter"
}

func (e *sealedError) Unwrap() []error { return []error{e.cause, errdefs.ErrFailedPrecondition} }

// sealed gives an error about such a layer its own words.
func sealed(desc ocispec.Descriptor, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if strings.HasSuffix(desc.MediaType, "+encrypted") || strings.HasPrefix(desc.MediaType, images.MediaTypeErofsLayer) {
		return &sealedError{desc.MediaType, err}
	}
	return err
}

// isSealed tells whether an image came whole, and only cannot be unpacked here.
func isSealed(err error) bool {
	var s *sealedError
	return errors.As(err, &s)
}
