package image

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// setRecord points name at target. An image that loses its last name to this
// stays, nameless, as in Docker. It gives back the target that name had before.
func (s *Service) setRecord(ctx context.Context, name string, target ocispec.Descriptor) (before digest.Digest, err error) {
	store := s.client.Images()
	record := images.Image{Name: name, Target: plain(target)}
	for {
		_, err := store.Create(ctx, record)
		if err == nil || !errdefs.IsAlreadyExists(err) {
			return before, err
		}
		old, err := store.Get(ctx, name)
		if errdefs.IsNotFound(err) {
			continue // removed in between: create again
		}
		if err != nil {
			return before, err
		}
		if old.Target.Digest == target.Digest {
			return old.Target.Digest, nil
		}
		before = old.Target.Digest
		if err := s.keepDangling(ctx, old); err != nil {
			return before, err
		}
		if _, err = store.Update(ctx, record, "target"); !errdefs.IsNotFound(err) {
			return before, err
		}
	}
}

// keepDangling gives an image a stand-in for a name if the given record is its
// last.
func (s *Service) keepDangling(ctx context.Context, last images.Image) error {
	store := s.client.Images()
	same, err := store.List(ctx, "target.digest=="+last.Target.Digest.String())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(same, func(i images.Image) bool { return i.Name != last.Name }) {
		return nil
	}
	_, err = store.Create(ctx, images.Image{Name: danglingName(last.Target.Digest), Target: last.Target})
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// dropDangling removes the stand-in of a target that has got a name.
func (s *Service) dropDangling(ctx context.Context, target digest.Digest) error {
	err := s.client.Images().Delete(ctx, danglingName(target))
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// plain is a descriptor without what belongs to the archive or index it was
// found in: names in annotations would otherwise travel along.
func plain(d ocispec.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Platform: d.Platform}
}

// retain labels the content below target so that garbage collection keeps what
// the image needs. Missing content is passed over: an image need not be here for
// every platform.
func retain(ctx context.Context, store content.Store, target ocispec.Descriptor, matcher platforms.Matcher) error {
	check := guardAll()
	children := images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, err := check(ctx, desc); err != nil {
			return nil, err
		}
		found, err := images.Children(ctx, store, desc)
		if errdefs.IsNotFound(err) {
			return nil, images.ErrSkipDesc
		}
		return found, err
	})
	return images.Dispatch(ctx, images.FilterPlatforms(images.SetChildrenLabels(store, children), matcher), nil, target)
}

// guard refuses a descriptor that no honest image has, before anything is
// fetched or read for it.
func guard(desc ocispec.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("the image names a part by %q, which is no digest: %w", desc.Digest, errdefs.ErrInvalidArgument)
	}
	if desc.Size < 0 {
		return fmt.Errorf("the image says that %s is %d bytes long: %w", desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	document := images.IsManifestType(desc.MediaType) || images.IsIndexType(desc.MediaType) || images.IsConfigType(desc.MediaType)
	if document && desc.Size > maxDocument {
		return fmt.Errorf("the image's document %s is %d bytes long, more than the %d allowed: %w", desc.Digest, desc.Size, maxDocument, errdefs.ErrInvalidArgument)
	}
	return nil
}

// maxDocuments bounds the indexes and manifests that one image may have.
const maxDocuments = 10_000

// guardAll is guard for a walk. It follows each index and manifest once: a few
// that name each other often enough would else keep a walk busy for ever.
func guardAll() images.HandlerFunc {
	var mu sync.Mutex
	seen := map[digest.Digest]bool{}
	return func(_ context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if err := guard(desc); err != nil {
			return nil, err
		}
		if !images.IsIndexType(desc.MediaType) && !images.IsManifestType(desc.MediaType) {
			return nil, nil
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case seen[desc.Digest]:
			return nil, images.ErrSkipDesc
		case len(seen) >= maxDocuments:
			return nil, fmt.Errorf("the image has more than %d manifests: %w", maxDocuments, errdefs.ErrInvalidArgument)
		}
		seen[desc.Digest] = true
		return nil, nil
	}
}
