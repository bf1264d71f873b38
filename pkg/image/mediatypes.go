package image

import (
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// documentTypes are the media types of one family of images.
type documentTypes struct {
	manifest, config  string
	layer, gzip, zstd string
}

var (
	ociTypes = &documentTypes{
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig,
		ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd,
	}
	dockerTypes = &documentTypes{
		images.MediaTypeDockerSchema2Manifest, images.MediaTypeDockerSchema2Config,
		images.MediaTypeDockerSchema2Layer, images.MediaTypeDockerSchema2LayerGzip, images.MediaTypeDockerSchema2LayerZstd,
	}
)

// mediaTypes is the family that a format names; nil for none.
func mediaTypes(format string) (*documentTypes, error) {
	switch format {
	case "":
		return nil, nil
	case "oci":
		return ociTypes, nil
	case "docker":
		return dockerTypes, nil
	}
	return nil, errorf(errdefs.ErrInvalidArgument, "invalid format %q: docker or oci is expected", format)
}

// layerLike is the family's name for a layer of the given type.
func (d *documentTypes) layerLike(mediaType string) string {
	for _, other := range []*documentTypes{ociTypes, dockerTypes} {
		switch mediaType {
		case other.layer:
			return d.layer
		case other.gzip:
			return d.gzip
		case other.zstd:
			return d.zstd
		}
	}
	return mediaType
}
