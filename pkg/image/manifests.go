package image

import (
	"context"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/moby/api/types/image"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ContentSizes gives the bytes that each target takes in the content store, from
// the cache where they are known. A target whose content is gone takes none.
func (s *Service) ContentSizes(ctx context.Context, list []image.Summary) (map[string]int64, error) {
	out := make(map[string]int64, len(list))
	for i := range list {
		f, err := s.sized(ctx, *list[i].Descriptor)
		if err != nil {
			if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
				continue
			}
			return nil, err
		}
		out[list[i].ID] = max(f.ContentSize, 0)
	}
	return out, nil
}

// manifests describes what an image has for each platform, also what is not here.
// The users are all taken for users of the platform that runs on this machine.
func (s *Service) manifests(ctx context.Context, target ocispec.Descriptor, users []User) ([]image.ManifestSummary, error) {
	ctx = s.client.Context(ctx)
	descs := []ocispec.Descriptor{target}
	if images.IsIndexType(target.MediaType) {
		var index ocispec.Index
		if err := readJSON(ctx, s.client.Content(), target, &index); err != nil {
			return nil, ignoreBroken(err)
		}
		descs = index.Manifests
	}
	here := platforms.Default()
	var out []image.ManifestSummary
	for _, desc := range descs {
		if guard(desc) != nil || !images.IsManifestType(desc.MediaType) {
			continue
		}
		m, err := s.manifestSummary(ctx, desc)
		if err != nil {
			return nil, err
		}
		if m.ImageData != nil && m.Available && here.Match(m.ImageData.Platform) {
			for _, u := range users {
				m.ImageData.Containers = append(m.ImageData.Containers, u.ID)
			}
			users = nil
		}
		out = append(out, m)
	}
	return out, nil
}

func (s *Service) manifestSummary(ctx context.Context, desc ocispec.Descriptor) (image.ManifestSummary, error) {
	m := image.ManifestSummary{ID: desc.Digest.String(), Descriptor: desc, Kind: image.ManifestKindImage}
	var err error
	if m.Size.Content, err = contentSize(ctx, s.client.Content(), desc); err != nil && !errdefs.IsNotFound(err) {
		return m, err
	}
	m.Size.Total = m.Size.Content
	if desc.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
		m.Kind = image.ManifestKindAttestation
		m.AttestationData = &image.AttestationProperties{For: digest.Digest(desc.Annotations["vnd.docker.reference.digest"])}
		return m, nil
	}
	data := &image.ImageProperties{Containers: []string{}}
	if desc.Platform != nil {
		data.Platform = *desc.Platform
	}
	v, err := readVariant(ctx, s.client.Content(), desc)
	switch {
	case err != nil:
		m.ImageData = data
		return m, ignoreBroken(err)
	case v == nil:
		m.Kind = image.ManifestKindUnknown
		return m, nil
	}
	if desc.Platform == nil { // else the index decides, as for a pull
		data.Platform = v.Platform
	}
	m.ImageData = data
	missing, err := s.missing(ctx, *v)
	if err != nil {
		return m, err
	}
	m.Available = missing == ""
	if len(v.Config.RootFS.DiffIDs) > 0 {
		f := &facts{ChainID: identity.ChainID(v.Config.RootFS.DiffIDs).String()}
		if data.Size.Unpacked, err = s.snapshotSize(ctx, s.client.SnapshotterName(), f); err != nil && !errdefs.IsNotFound(err) {
			return m, err
		}
		m.Size.Total += data.Size.Unpacked
	}
	return m, nil
}

// ignoreBroken lets an image be listed whose content is gone or broken.
func ignoreBroken(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
		return nil
	}
	return err
}
