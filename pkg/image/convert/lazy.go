package convert

import (
	"context"
	"io"
	"maps"
	"strconv"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	"github.com/klauspost/compress/zstd"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/image"
)

// workers is in how many parts a layer is made at a time. It is part of the result:
// a fixed number makes the same blob on every machine.
const workers = 4

// LazyOptions say how layers are put together that can be read in parts before all
// of them is here.
type LazyOptions struct {
	Level        int // of compression: 1 to 9 for eStargz, 1 to 22 for zstd:chunked
	ChunkSize    int // bytes of a file that are read at once; 0: the library's 4 MiB
	MinChunkSize int // bytes that share a compressed stream at least; 0: no minimum. eStargz alone
	// First are the paths of files that come first in a layer, and are fetched
	// before they are asked for. Those that a layer has not are passed over.
	First []string
}

func (o LazyOptions) build(ctx context.Context) []estargz.Option {
	var missed []string
	return []estargz.Option{
		estargz.WithContext(ctx), estargz.WithParallelism(workers), estargz.WithChunkSize(o.ChunkSize),
		estargz.WithPrioritizedFiles(o.First), estargz.WithAllowPrioritizeNotFound(&missed),
	}
}

// EStargz makes layers that a snapshotter such as stargz reads lazily, and that
// every other one takes for layers in gzip.
func EStargz(o LazyOptions) image.LayerFunc {
	return convert(func(ctx context.Context, s *source) (image.Layer, error) {
		opts := append(o.build(ctx), estargz.WithCompressionLevel(o.Level), estargz.WithMinChunkSize(o.MinChunkSize))
		return s.lazy(ctx, "estargz", gzipType(s.layer.Desc.MediaType), opts, nil)
	})
}

// ZstdChunked makes layers in zstd whose parts can be fetched by themselves, by
// the stargz snapshotter and by Podman. They are of OCI's format alone.
func ZstdChunked(o LazyOptions) image.LayerFunc {
	return convert(func(ctx context.Context, s *source) (image.Layer, error) {
		metadata := map[string]string{}
		opts := append(o.build(ctx), estargz.WithCompression(&zstdCompression{
			&zstdchunked.Compressor{CompressionLevel: zstd.EncoderLevelFromZstd(o.Level), Metadata: metadata},
			&zstdchunked.Decompressor{},
		}))
		return s.lazy(ctx, "zstdchunked", ocispec.MediaTypeImageLayerZstd, opts, metadata)
	})
}

type zstdCompression struct {
	*zstdchunked.Compressor
	*zstdchunked.Decompressor
}

// lazy builds the blob, and notes where its table of contents is.
func (s *source) lazy(ctx context.Context, kind, mediaType string, opts []estargz.Option, metadata map[string]string) (made image.Layer, err error) {
	// The library reads the tar more than once and never in full, so what it is
	// called is checked before.
	if err := s.checkedTar(func(io.Reader) error { return nil }); err != nil {
		return made, err
	}
	blob, err := estargz.Build(io.NewSectionReader(s.blob, 0, s.layer.Desc.Size), opts...)
	if err != nil {
		return made, err
	}
	defer blob.Close()
	made, err = s.write(ctx, kind, mediaType, func(w io.Writer) (digest.Digest, error) {
		if _, err := io.Copy(w, blob); err != nil {
			return "", err
		}
		// The name of the content is known once the blob is closed.
		if err := blob.Close(); err != nil {
			return "", err
		}
		return blob.DiffID(), nil
	})
	if err != nil {
		return made, err
	}
	size, err := blob.UncompressedSize()
	if err != nil {
		return made, err
	}
	annotations := maps.Clone(made.Desc.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, metadata)
	annotations[estargz.TOCJSONDigestAnnotation] = blob.TOCDigest().String()
	annotations[estargz.StoreUncompressedSizeAnnotation] = strconv.FormatInt(size, 10)
	if p := metadata[zstdchunked.ManifestPositionAnnotation]; p != "" {
		// Podman looks for the same under names of its own.
		annotations["io.github.containers.zstd-chunked.manifest-checksum"] = metadata[zstdchunked.ManifestChecksumAnnotation]
		annotations["io.github.containers.zstd-chunked.manifest-position"] = p
	}
	made.Desc.Annotations = annotations
	return made, nil
}
