package image

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Inspect describes an image as `docker image inspect` does. A nil platform is
// this machine's.
func (s *Service) Inspect(ctx context.Context, ref string, want *ocispec.Platform) (*image.InspectResponse, error) {
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	target := records[0].Target
	group, err := s.client.Images().List(s.client.Context(ctx), "target.digest=="+target.Digest.String())
	if err != nil {
		return nil, err
	}
	f, err := s.facts(ctx, target, want)
	if err != nil {
		return nil, err
	}
	size, err := s.variantSize(ctx, f)
	if err != nil {
		return nil, err
	}
	tags, digests := names(sorted(group))
	out := &image.InspectResponse{
		ID: target.Digest.String(), RepoTags: tags, RepoDigests: digests, Comment: comment(f.Config.History),
		Author: f.Config.Author, Config: &f.Config.Config, Architecture: f.Config.Architecture, Variant: f.Config.Variant,
		Os: f.Config.OS, OsVersion: f.Config.OSVersion, Size: size, Descriptor: &target,
		GraphDriver: &storage.DriverData{Name: s.client.SnapshotterName()},
		RootFS:      image.RootFS{Type: f.Config.RootFS.Type},
	}
	if f.Config.Created != nil {
		out.Created = f.Config.Created.Format(time.RFC3339Nano)
	}
	for _, d := range f.Config.RootFS.DiffIDs {
		out.RootFS.Layers = append(out.RootFS.Layers, d.String())
	}
	for _, r := range group {
		if r.UpdatedAt.After(out.Metadata.LastTagTime) {
			out.Metadata.LastTagTime = r.UpdatedAt
		}
	}
	return out, nil
}

// variantSize is what one platform of an image takes: its blobs and its
// unpacked layers, so far as they are here.
func (s *Service) variantSize(ctx context.Context, f *facts) (int64, error) {
	ctx = s.client.Context(ctx)
	size, err := contentSize(ctx, s.client.Content(), f.Manifest)
	if err != nil {
		return 0, err
	}
	unpacked, err := s.snapshotSize(ctx, s.client.SnapshotterName(), f)
	if errdefs.IsNotFound(err) {
		return size, nil // not unpacked here
	}
	return size + unpacked, err
}

// comment is that of the last history entry, where builders put it.
func comment(history []ocispec.History) string {
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1].Comment
}

// History lists the steps that made an image, newest first, as `docker history`.
func (s *Service) History(ctx context.Context, ref string, want *ocispec.Platform) ([]image.HistoryResponseItem, error) {
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	target := records[0].Target
	f, err := s.facts(ctx, target, want)
	if err != nil {
		return nil, err
	}
	group, err := s.client.Images().List(s.client.Context(ctx), "target.digest=="+target.Digest.String())
	if err != nil {
		return nil, err
	}
	sizes := s.layerSizes(ctx, f)
	items := []image.HistoryResponseItem{}
	layer := 0
	for _, h := range f.Config.History {
		item := image.HistoryResponseItem{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			item.Created = h.Created.Unix()
		}
		if !h.EmptyLayer && layer < len(sizes) {
			item.Size = sizes[layer]
			layer++
		}
		items = append([]image.HistoryResponseItem{item}, items...)
	}
	if len(items) > 0 {
		items[0].ID = target.Digest.String()
		items[0].Tags, _ = names(sorted(group))
	}
	return items, nil
}

// layerSizes are the sizes of the unpacked layers, lowest first; of the blobs,
// where the image is not unpacked.
func (s *Service) layerSizes(ctx context.Context, f *facts) []int64 {
	ctx = s.client.Context(ctx)
	snapshots := s.client.Snapshots("")
	sizes := make([]int64, len(f.Layers))
	for i, l := range f.Layers {
		sizes[i] = l.Size
	}
	at := f.ChainID
	for i := len(sizes) - 1; i >= 0 && at != ""; i-- {
		info, err := snapshots.Stat(ctx, at)
		if err != nil {
			return sizes
		}
		if usage, err := snapshots.Usage(ctx, at); err == nil {
			sizes[i] = usage.Size
		}
		at = info.Parent
	}
	return sizes
}
