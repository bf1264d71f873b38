// Package convert makes layers of one kind from layers of another: for lazy
// pulling (eStargz, zstd:chunked), for a file system that is mounted as it is
// (EROFS), or compressed in another way. The content of each layer is checked
// against its name on the way.
package convert

import (
	"context"
	"io"
	"maps"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/compress"
	"github.com/nerd-cli/nerd/pkg/image"
)

// source is a layer that is being converted.
type source struct {
	store content.Store
	layer image.Layer
	blob  content.ReaderAt
}

// convert opens the layer for a conversion. What is encrypted, or of a kind that
// is no tar, cannot be converted.
func convert(fn func(context.Context, *source) (image.Layer, error)) image.LayerFunc {
	return func(ctx context.Context, store content.Store, layer image.Layer) (image.Layer, error) {
		mediaType := layer.Desc.MediaType
		switch {
		case strings.HasSuffix(mediaType, "+encrypted"):
			return layer, image.Errorf(errdefs.ErrInvalidArgument, "it is encrypted: run 'nerd image decrypt' first")
		case !isTar(mediaType):
			return layer, image.Errorf(errdefs.ErrInvalidArgument, "it is of the type %s, not a tar: convert the image that it was made of", mediaType)
		}
		blob, err := store.ReaderAt(ctx, layer.Desc)
		if err != nil {
			return layer, err
		}
		defer blob.Close()
		layer.Desc = withoutIndex(layer.Desc)
		return fn(ctx, &source{store, layer, blob})
	}
}

// isTar tells the types of layers that are tars, compressed or not.
func isTar(mediaType string) bool {
	switch mediaType {
	case ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd,
		images.MediaTypeDockerSchema2Layer, images.MediaTypeDockerSchema2LayerGzip, images.MediaTypeDockerSchema2LayerZstd:
		return true
	}
	return false
}

// gzipType is what a gzip layer is called in the format that a layer is of.
func gzipType(mediaType string) string {
	if images.IsDockerType(mediaType) {
		return images.MediaTypeDockerSchema2LayerGzip
	}
	return ocispec.MediaTypeImageLayerGzip
}

// indexAnnotations describe how the blob of a layer is put together, and say
// nothing of another blob with the same files.
var indexAnnotations = []string{"containerd.io/snapshot/", "io.containers.zstd-chunked.", "io.github.containers.zstd-chunked.", "io.containers.estargz."}

func withoutIndex(desc ocispec.Descriptor) ocispec.Descriptor {
	desc.Annotations = maps.Clone(desc.Annotations)
	maps.DeleteFunc(desc.Annotations, func(key, _ string) bool {
		for _, prefix := range indexAnnotations {
			if strings.HasPrefix(key, prefix) {
				return true
			}
		}
		return false
	})
	if len(desc.Annotations) == 0 {
		desc.Annotations = nil
	}
	return desc
}

// tar reads the layer's plain tar.
func (s *source) tar() (io.ReadCloser, error) {
	return compress.NewReader(io.NewSectionReader(s.blob, 0, s.layer.Desc.Size))
}

// checkedTar passes the layer's plain tar to fn, and fails if it is not what the
// configuration calls it.
func (s *source) checkedTar(fn func(io.Reader) error) error {
	plain, err := s.tar()
	if err != nil {
		return err
	}
	defer plain.Close()
	verifier := s.layer.DiffID.Verifier()
	tee := io.TeeReader(plain, verifier)
	if err := fn(tee); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return err
	}
	if !verifier.Verified() {
		return image.Errorf(errdefs.ErrInvalidArgument, "its content is not %s, which the configuration says it is", s.layer.DiffID)
	}
	return nil
}

// write stores what fn writes as the new blob of the layer, and gives the layer. fn
// gives the name of its uncompressed content, once all is written.
func (s *source) write(ctx context.Context, kind, mediaType string, fn func(io.Writer) (digest.Digest, error)) (image.Layer, error) {
	made := s.layer
	w, err := content.OpenWriter(ctx, s.store, content.WithRef("convert-"+kind+"-"+s.layer.Desc.Digest.String()))
	if err != nil {
		return made, err
	}
	defer w.Close()
	// A command that was killed may have left a part.
	if err := w.Truncate(0); err != nil {
		return made, err
	}
	counted := &counter{w: w}
	if made.DiffID, err = fn(counted); err != nil {
		return made, err
	}
	err = w.Commit(ctx, counted.n, "", content.WithLabels(map[string]string{labels.LabelUncompressed: made.DiffID.String()}))
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return made, err
	}
	made.Desc.MediaType, made.Desc.Digest, made.Desc.Size = mediaType, w.Digest(), counted.n
	return made, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
