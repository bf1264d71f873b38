package image

import (
	"context"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Layer is a layer of an image: its blob, and what its uncompressed content is
// called in the configuration.
type Layer struct {
	Desc   ocispec.Descriptor
	DiffID digest.Digest
}

// LayerFunc makes another layer of one, in the same store, or gives back the same.
// It is called from several goroutines, once for each layer.
type LayerFunc func(ctx context.Context, store content.Store, layer Layer) (Layer, error)

// RewriteOptions says what Rewrite makes of an image.
type RewriteOptions struct {
	Work string // what is being done, for whoever finds it unfinished: convert, encrypt
	Name string // reference of the new image
	// Platforms to take over; none: this machine's alone. The others are left out.
	Platforms []ocispec.Platform
	// AllPlatforms takes all over, and fails if one of them is not here.
	AllPlatforms bool
	// OCI gives the documents OCI's media types. They get those in any case if a
	// layer is of a kind that Docker's format has not.
	OCI bool
	// Layer makes the new layers. Nil: they stay as they are.
	Layer LayerFunc
	// OSFeature is added to what the platform needs, such as erofs. Empty: none.
	OSFeature string
	// Progress receives events, from several goroutines. Nil: none.
	Progress func(Event)
}

// Rewritten is the image that Rewrite made.
type Rewritten struct {
	Name string // familiar
	ID   digest.Digest
}

// Rewrite makes an image of another by making new layers of its layers, and names
// it. What others have said about the old one, such as attestations and
// signatures, is not true of the new one and is left out. A failure leaves nothing.
func (s *Service) Rewrite(ctx context.Context, ref string, opts RewriteOptions) (made *Rewritten, err error) {
	named, err := parseNamed(opts.Name)
	if err != nil {
		return nil, err
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, errorf(errdefs.ErrInvalidArgument, "the new image cannot be named by a digest, which is not known before it is made: %q", opts.Name)
	}
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	caller := ctx
	ctx, done, err := s.leased(ctx, opts.Work)
	if err != nil {
		return nil, err
	}
	defer func() { err = s.end(caller, done, err) }()
	target, err := newRewriter(s, opts).target(ctx, records[0].Target)
	if err != nil {
		return nil, err
	}
	if err := retain(ctx, s.client.Content(), target, platforms.All); err != nil {
		return nil, err
	}
	s.forget(target.Digest)
	loaded, err := s.publish(ctx, entry{storeName(named), target})
	if err != nil {
		return nil, err
	}
	s.emit(ctx, events.ActionTag, target.Digest.String(), loaded.Name, s.labels(ctx, target))
	return &Rewritten{Name: loaded.Name, ID: target.Digest}, nil
}

// target makes a new target of a target: an index of an index.
func (r *rewriter) target(ctx context.Context, target ocispec.Descriptor) (ocispec.Descriptor, error) {
	chosen, err := r.choose(ctx, target)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	made := make([]ocispec.Descriptor, len(chosen))
	for i, v := range chosen {
		if made[i], err = r.manifest(ctx, v); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	if !images.IsIndexType(target.MediaType) {
		return made[0], nil
	}
	var index ocispec.Index
	if err := readJSON(ctx, r.s.client.Content(), target, &index); err != nil {
		return ocispec.Descriptor{}, err
	}
	mediaType := target.MediaType
	if slices.ContainsFunc(made, func(d ocispec.Descriptor) bool { return d.MediaType == ocispec.MediaTypeImageManifest }) {
		mediaType = ocispec.MediaTypeImageIndex
	}
	index = ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, Manifests: made, Annotations: index.Annotations}
	return r.s.writeJSON(ctx, mediaType, index, nil)
}

// choose picks the manifests that are taken over. All of them have to be here.
func (r *rewriter) choose(ctx context.Context, target ocispec.Descriptor) ([]variant, error) {
	store := r.s.client.Content()
	all, err := variants(ctx, store, target)
	if err != nil {
		return nil, err
	}
	chosen := all
	switch {
	case r.opts.AllPlatforms:
		if err := r.s.complete(ctx, target); err != nil {
			return nil, err
		}
	case len(r.opts.Platforms) == 0:
		chosen = nil
		if v := choose(all, nil); v != nil {
			chosen = []variant{*v}
		}
	default:
		chosen = nil
		for i := range r.opts.Platforms {
			v := choose(all, &r.opts.Platforms[i])
			if v == nil {
				return nil, noVariant(target, all, &r.opts.Platforms[i])
			}
			chosen = append(chosen, *v)
		}
		slices.SortStableFunc(chosen, func(a, b variant) int { return strings.Compare(a.Desc.Digest.String(), b.Desc.Digest.String()) })
		chosen = slices.CompactFunc(chosen, func(a, b variant) bool { return a.Desc.Digest == b.Desc.Digest })
	}
	if len(chosen) == 0 {
		return nil, noVariant(target, all, nil)
	}
	for _, v := range chosen {
		missing, err := r.s.missing(ctx, v)
		if err == nil && missing != "" {
			err = errorf(errdefs.ErrNotFound, "image %s lacks the layer %s here: pull it again", target.Digest, missing)
		}
		if err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// complete fails if a platform of an index is not here.
func (s *Service) complete(ctx context.Context, target ocispec.Descriptor) error {
	if !images.IsIndexType(target.MediaType) {
		return nil
	}
	var index ocispec.Index
	if err := readJSON(ctx, s.client.Content(), target, &index); err != nil {
		return err
	}
	_, missing, err := s.present(ctx, index.Manifests, PushOptions{})
	if err == nil && len(missing) > 0 {
		err = errorf(errdefs.ErrNotFound, "the platforms %s of the image are not here", strings.Join(missing, ", "))
	}
	return err
}
