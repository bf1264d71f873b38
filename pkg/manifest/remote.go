package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/registry"
)

// fetch reads a manifest or an index from its registry. The manifest of an image
// comes with the platform that its configuration names.
func (s *Store) fetch(ctx context.Context, ref reference.Named) (*Entry, error) {
	remote := s.registry.Remote(ctx)
	name, desc, err := remote.Resolve(ctx, ref.String())
	if err != nil {
		return nil, s.explain(ref, err)
	}
	fetcher, err := remote.Fetcher(ctx, name)
	if err != nil {
		return nil, s.explain(ref, err)
	}
	e := &Entry{Ref: ref.String(), Descriptor: desc}
	if e.Raw, err = document(ctx, fetcher, desc); err != nil {
		return nil, s.explain(ref, err)
	}
	if !images.IsManifestType(desc.MediaType) {
		if !images.IsIndexType(desc.MediaType) {
			return nil, errorf(errdefs.ErrInvalidArgument, "%s is of the type %q, which is neither a manifest nor a list", ref, desc.MediaType)
		}
		return e, nil
	}
	m := &ocispec.Manifest{}
	if err := json.Unmarshal(e.Raw, m); err != nil {
		return nil, errorf(errdefs.ErrInvalidArgument, "the manifest of %s is not valid: %v", ref, err)
	}
	e.SchemaV2Manifest = m
	if desc.MediaType == ocispec.MediaTypeImageManifest {
		e.SchemaV2Manifest, e.OCIManifest = nil, m
	}
	if !images.IsConfigType(m.Config.MediaType) {
		return e, nil // an artefact has no platform
	}
	config, err := document(ctx, fetcher, m.Config)
	if err != nil {
		return nil, s.explain(ref, err)
	}
	e.Descriptor.Platform = &ocispec.Platform{}
	if err := json.Unmarshal(config, e.Descriptor.Platform); err != nil {
		return nil, errorf(errdefs.ErrInvalidArgument, "the configuration of %s is not valid: %v", ref, err)
	}
	return e, nil
}

// document reads a small blob, and checks it.
func document(ctx context.Context, fetcher remotes.Fetcher, desc ocispec.Descriptor) ([]byte, error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%q: %w: %w", desc.Digest, err, errdefs.ErrInvalidArgument)
	}
	if desc.Size < 0 || desc.Size > docker.MaxManifestSize {
		return nil, fmt.Errorf("%s says that it is %d bytes long: %w", desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	rc, err := fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, desc.Size+1))
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(data); desc.Digest.Algorithm() == digest.Canonical && got != desc.Digest || int64(len(data)) != desc.Size {
		return nil, fmt.Errorf("the registry gave other content than %s: %w", desc.Digest, errdefs.ErrFailedPrecondition)
	}
	return data, nil
}

// explain words a failure as Docker does.
func (s *Store) explain(ref reference.Named, err error) error {
	err = registry.Explain(ref, err)
	if errdefs.IsNotFound(err) {
		return errorf(errdefs.ErrNotFound, "no such manifest: %s", reference.FamiliarString(ref))
	}
	return err
}

// Push sends a list to its registry. Manifests that are elsewhere are copied
// first: their blobs are mounted within a registry, and sent from one to another.
func (s *Store) Push(ctx context.Context, target reference.Named) (digest.Digest, error) {
	l, err := s.load(target)
	if err != nil {
		return "", err
	}
	for i := range l.Entries {
		if p := l.Entries[i].Descriptor.Platform; p == nil || p.OS == "" || p.Architecture == "" {
			return "", errorf(errdefs.ErrInvalidArgument, "manifest %s must have an OS and Architecture to be pushed to a registry", l.Entries[i].Ref)
		}
	}
	for i := range l.Entries {
		if err := s.copy(ctx, target, &l.Entries[i]); err != nil {
			return "", err
		}
	}
	index := l.index()
	data, err := json.MarshalIndent(index, "", "   ")
	if err != nil {
		return "", err
	}
	desc := ocispec.Descriptor{MediaType: index.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	err = s.send(ctx, target, desc, desc, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	return desc.Digest, err
}

// copy brings a manifest with all that it names into the target's repository.
func (s *Store) copy(ctx context.Context, target reference.Named, e *Entry) error {
	from, err := reference.ParseNormalizedNamed(e.Ref)
	if err != nil {
		return err
	}
	remote := s.registry.Remote(ctx)
	fetcher, err := remote.Fetcher(ctx, from.String())
	if err != nil {
		return registry.Explain(from, err)
	}
	root := ocispec.Descriptor{MediaType: e.Descriptor.MediaType, Digest: e.Descriptor.Digest, Size: e.Descriptor.Size}
	if from.Name() != target.Name() {
		m := e.parsed()
		for _, blob := range append(slices.Clone(m.Layers), m.Config) {
			if images.IsNonDistributable(blob.MediaType) {
				continue
			}
			if reference.Domain(from) == reference.Domain(target) {
				blob.Annotations = map[string]string{labels.LabelDistributionSource + "." + reference.Domain(from): reference.Path(from)}
			}
			if err := s.send(ctx, target, root, blob, func(ctx context.Context) (io.ReadCloser, error) { return fetcher.Fetch(ctx, blob) }); err != nil {
				return err
			}
		}
	}
	raw := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.Raw)), nil }
	byDigest, err := reference.WithDigest(reference.TrimNamed(target), root.Digest)
	if err != nil {
		return err
	}
	return s.send(ctx, byDigest, root, root, raw)
}

// send uploads a blob or a manifest unless the repository has it. The tag of the
// target is given to root alone.
func (s *Store) send(ctx context.Context, target reference.Named, root, desc ocispec.Descriptor, open func(context.Context) (io.ReadCloser, error)) error {
	name := target.String()
	if _, ok := target.(reference.Digested); !ok {
		name += "@" + root.Digest.String()
	}
	err := registry.Persist(ctx, func() error {
		pusher, _, err := s.registry.Pusher(ctx, name)
		if err != nil {
			return err
		}
		w, err := pusher.Push(ctx, desc)
		if errdefs.IsAlreadyExists(err) {
			return nil
		}
		if err != nil {
			return err
		}
		defer w.Close()
		rc, err := open(ctx)
		if err != nil {
			return err
		}
		defer rc.Close()
		return content.Copy(ctx, w, rc, desc.Size, desc.Digest)
	})
	return registry.ExplainPush(target, err)
}
