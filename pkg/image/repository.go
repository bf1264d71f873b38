package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/registry"
)

// Check decides, by what the repository holds about it, whether an image may be
// used. It is called before anything of the image is fetched.
type Check func(ctx context.Context, repo *Repository, target ocispec.Descriptor) error

// Attach adds to a repository something about an image that has been pushed there,
// such as a signature.
type Attach func(ctx context.Context, repo *Repository, target ocispec.Descriptor) error

// Repository is the repository of an image in its registry, for small documents
// about the image. It is reached by the mirrors and with the credentials that
// serve the image itself.
type Repository struct {
	named    reference.Named
	resolver *registry.Resolver
}

func (s *Service) repository(named reference.Named) *Repository {
	return &Repository{named: named, resolver: s.resolver}
}

// Name is the repository's full name, with its registry, and without a tag.
func (r *Repository) Name() string { return r.named.Name() }

// Resolve finds what a tag of the repository stands for. NotFound: there is no such tag.
func (r *Repository) Resolve(ctx context.Context, tag string) (ocispec.Descriptor, error) {
	tagged, err := reference.WithTag(reference.TrimNamed(r.named), tag)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	_, desc, err := r.resolver.Remote(ctx).Resolve(ctx, tagged.String())
	if err != nil {
		return desc, registry.Explain(tagged, err)
	}
	return desc, guard(desc)
}

// Fetch reads a document of at most 8 MiB, and checks that it is the one that the
// descriptor names.
func (r *Repository) Fetch(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if err := guard(desc); err != nil {
		return nil, err
	}
	if desc.Size > maxDocument {
		return nil, fmt.Errorf("%s is %d bytes long, more than the %d allowed: %w", desc.Digest, desc.Size, maxDocument, errdefs.ErrInvalidArgument)
	}
	fetcher, err := r.fetcher(ctx)
	if err != nil {
		return nil, err
	}
	rc, err := fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil, registry.Explain(r.named, err)
	}
	data, err := io.ReadAll(io.LimitReader(rc, desc.Size+1))
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) != desc.Size || desc.Digest.Algorithm().FromBytes(data) != desc.Digest {
		return nil, fmt.Errorf("the registry sends something else than %s: %w", desc.Digest, errdefs.ErrInvalidArgument)
	}
	return data, nil
}

func (r *Repository) fetcher(ctx context.Context) (remotes.Fetcher, error) {
	// What the reference names besides the repository plays no part: documents are
	// asked for by their digests.
	ref := reference.TrimNamed(r.named).String() + ":latest"
	fetcher, err := r.resolver.Remote(ctx).Fetcher(ctx, ref)
	if err != nil {
		return nil, registry.Explain(r.named, err)
	}
	return fetcher, nil
}

// Referrers lists the manifests about another that are of a type, from the
// registry's list or, where it keeps none, from the tag that stands for it.
func (r *Repository) Referrers(ctx context.Context, subject digest.Digest, artifactType string) ([]ocispec.Descriptor, error) {
	fetcher, err := r.fetcher(ctx)
	if err != nil {
		return nil, err
	}
	lister, ok := fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return nil, errorf(errdefs.ErrNotImplemented, "what %s holds about an image cannot be asked for", r.Name())
	}
	found, err := lister.FetchReferrers(ctx, subject, remotes.WithReferrerArtifactTypes(artifactType))
	if err != nil && !errdefs.IsNotFound(err) {
		return nil, registry.Explain(r.named, err)
	}
	return found, nil
}

// Push sends a document. A manifest gets the tag, if that is not empty; blobs have none.
func (r *Repository) Push(ctx context.Context, desc ocispec.Descriptor, data []byte, tag string) error {
	ref := reference.TrimNamed(r.named).String()
	if tag != "" {
		ref += ":" + tag
	}
	pusher, _, err := r.resolver.Pusher(ctx, ref+"@"+desc.Digest.String())
	if err != nil {
		return registry.ExplainPush(r.named, err)
	}
	err = registry.Persist(ctx, func() error { return pushDocument(ctx, pusher, desc, data) })
	return registry.ExplainPush(r.named, err)
}

func pushDocument(ctx context.Context, pusher remotes.Pusher, desc ocispec.Descriptor, data []byte) error {
	w, err := pusher.Push(ctx, desc)
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = content.Copy(ctx, w, bytes.NewReader(data), desc.Size, desc.Digest)
	return errors.Join(err, w.Close())
}

// PushManifest sends a manifest about another. Where the registry keeps no list of
// such by itself, the tag that stands for that list is brought up to date.
func (r *Repository) PushManifest(ctx context.Context, desc ocispec.Descriptor, data []byte, subject digest.Digest) error {
	if err := r.Push(ctx, desc, data, ""); err != nil {
		return err
	}
	known, err := r.Referrers(ctx, subject, desc.ArtifactType)
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.Digest == desc.Digest {
			return nil
		}
	}
	tag := subject.Algorithm().String() + "-" + subject.Encoded()
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	if old, err := r.Resolve(ctx, tag); err == nil && images.IsIndexType(old.MediaType) {
		if err := r.fetchJSON(ctx, old, &index); err != nil {
			return err
		}
	} else if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	index.Manifests = append(index.Manifests, desc)
	doc, err := newDocument(ocispec.MediaTypeImageIndex, index)
	if err != nil {
		return err
	}
	return r.Push(ctx, doc.desc, doc.data, tag)
}

func (r *Repository) fetchJSON(ctx context.Context, desc ocispec.Descriptor, v any) error {
	data, err := r.Fetch(ctx, desc)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	return err
}
