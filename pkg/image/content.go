package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// maxDocument bounds each JSON document of an image: an index, a manifest or
	// a configuration. Registries refuse manifests of more than 4 MiB.
	maxDocument = 8 << 20
	// maxIndexDepth bounds indexes within indexes. Two are in use in the field.
	maxIndexDepth = 4
)

// readJSON reads a document of an image from the content store.
func readJSON(ctx context.Context, store content.Provider, desc ocispec.Descriptor, v any) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("%q: %w: %w", desc.Digest, err, errdefs.ErrInvalidArgument)
	}
	ra, err := store.ReaderAt(ctx, desc)
	if err != nil {
		return err
	}
	defer ra.Close()
	if ra.Size() > maxDocument {
		return fmt.Errorf("%s is %d bytes long, more than the %d a document of an image may have: %w", desc.Digest, ra.Size(), maxDocument, errdefs.ErrInvalidArgument)
	}
	data, err := io.ReadAll(content.NewReader(ra))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s is not a valid document: %w: %w", desc.Digest, err, errdefs.ErrInvalidArgument)
	}
	return nil
}

// variant is a manifest that an image holds for one platform.
type variant struct {
	Desc     ocispec.Descriptor // of the manifest
	Manifest ocispec.Manifest
	Config   dockerspec.DockerOCIImage
	Platform ocispec.Platform
}

// variants gives the image manifests below target of which the manifest and the
// configuration are here, in the order of the index. Attestations are left out.
func variants(ctx context.Context, store content.Provider, target ocispec.Descriptor) ([]variant, error) {
	var found []variant
	seen := map[digest.Digest]bool{}
	var walk func(desc ocispec.Descriptor, depth int) error
	walk = func(desc ocispec.Descriptor, depth int) error {
		if seen[desc.Digest] {
			return nil
		}
		seen[desc.Digest] = true
		switch {
		case images.IsIndexType(desc.MediaType):
			if depth >= maxIndexDepth {
				return fmt.Errorf("%s: more than %d indexes within each other: %w", target.Digest, maxIndexDepth, errdefs.ErrInvalidArgument)
			}
			var index ocispec.Index
			if err := readJSON(ctx, store, desc, &index); err != nil {
				return err
			}
			for _, m := range index.Manifests {
				if err := walk(m, depth+1); err != nil && !errdefs.IsNotFound(err) {
					return err
				}
			}
			return nil
		case images.IsManifestType(desc.MediaType):
			v, err := readVariant(ctx, store, desc)
			if err != nil || v == nil {
				return err
			}
			found = append(found, *v)
			return nil
		}
		return nil
	}
	if err := walk(target, 0); err != nil {
		return nil, err
	}
	return found, nil
}

// readVariant reads a manifest and its configuration; nil if it is no image.
func readVariant(ctx context.Context, store content.Provider, desc ocispec.Descriptor) (*variant, error) {
	if desc.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
		return nil, nil
	}
	v := &variant{Desc: desc}
	if err := readJSON(ctx, store, desc, &v.Manifest); err != nil {
		return nil, err
	}
	if !images.IsConfigType(v.Manifest.Config.MediaType) {
		return nil, nil
	}
	if err := readJSON(ctx, store, v.Manifest.Config, &v.Config); err != nil {
		return nil, err
	}
	if n, m := len(v.Manifest.Layers), len(v.Config.RootFS.DiffIDs); n != m {
		return nil, fmt.Errorf("image %s has %d layers but its configuration names %d: %w", desc.Digest, n, m, errdefs.ErrInvalidArgument)
	}
	for _, d := range v.Config.RootFS.DiffIDs {
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("image %s: diff id %q: %w: %w", desc.Digest, d, err, errdefs.ErrInvalidArgument)
		}
	}
	v.Platform = platforms.Normalize(v.Config.Platform)
	return v, nil
}

// choose picks the variant for want, or, if want is nil, the best one for this
// machine and else the first. It returns nil if none fits.
func choose(all []variant, want *ocispec.Platform) *variant {
	matcher := platforms.Default()
	if want != nil {
		matcher = platforms.Only(platforms.Normalize(*want))
	}
	fit := slices.DeleteFunc(slices.Clone(all), func(v variant) bool { return !matcher.Match(v.Platform) })
	if len(fit) == 0 {
		if want == nil && len(all) > 0 {
			return &all[0]
		}
		return nil
	}
	slices.SortStableFunc(fit, func(a, b variant) int {
		switch {
		case matcher.Less(a.Platform, b.Platform):
			return -1
		case matcher.Less(b.Platform, a.Platform):
			return 1
		}
		return 0
	})
	return &fit[0]
}
