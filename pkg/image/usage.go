package image

import (
	"context"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	digest "github.com/opencontainers/go-digest"
)

// Usage is what images take on disk.
type Usage struct {
	// Images have their containers counted, and their sizes in bytes told apart:
	// Size is all of an image, SharedSize what another image has too.
	Images []image.Summary
	// Total is what all of them take together, each part once.
	Total int64
	// Reclaimable is what would be free without the images that no container uses.
	Reclaimable int64
}

// parts are the blobs and unpacked layers of an image and their sizes.
type parts map[string]int64

// Usage measures all images, for `docker system df`.
func (s *Service) Usage(ctx context.Context) (Usage, error) {
	list, err := s.List(ctx, ListOptions{})
	if err != nil {
		return Usage{}, err
	}
	byTarget, err := s.usersByTarget(ctx)
	if err != nil {
		return Usage{}, err
	}
	all := make([]parts, len(list))
	owners := map[string]int{} // images that have a part
	used := make([]bool, len(list))
	for i := range list {
		if all[i], err = s.parts(ctx, &list[i]); err != nil {
			return Usage{}, err
		}
		for key := range all[i] {
			owners[key]++
		}
		users := byTarget[list[i].Descriptor.Digest]
		list[i].Containers, used[i] = int64(len(users)), len(users) > 0
	}
	for i := range list {
		list[i].Size, list[i].SharedSize = 0, 0
		for key, size := range all[i] {
			list[i].Size += size
			if owners[key] > 1 {
				list[i].SharedSize += size
			}
		}
	}
	needed := func(i int) bool { return used[i] }
	return Usage{Images: list, Total: union(all, nil), Reclaimable: union(all, nil) - union(all, needed)}, nil
}

// union adds up the parts of the images that keep accepts, each once.
func union(all []parts, keep func(i int) bool) int64 {
	seen := parts{}
	var total int64
	for i, p := range all {
		if keep != nil && !keep(i) {
			continue
		}
		for key, size := range p {
			if _, twice := seen[key]; !twice {
				seen[key] = size
				total += size
			}
		}
	}
	return total
}

// parts lists what an image is made of as far as it is here.
func (s *Service) parts(ctx context.Context, sum *image.Summary) (parts, error) {
	ctx = s.client.Context(ctx)
	out := parts{}
	store := s.client.Content()
	err := images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, desc descriptor) ([]descriptor, error) {
		if _, seen := out[desc.Digest.String()]; seen || guard(desc) != nil {
			return nil, images.ErrSkipDesc
		}
		info, err := store.Info(ctx, desc.Digest)
		if errdefs.IsNotFound(err) {
			return nil, images.ErrSkipDesc
		}
		if err != nil {
			return nil, err
		}
		out[desc.Digest.String()] = info.Size
		return images.Children(ctx, store, desc)
	}), *sum.Descriptor)
	if err != nil && !errdefs.IsNotFound(err) {
		return nil, err
	}
	f, err := s.facts(ctx, *sum.Descriptor, nil)
	if err != nil {
		return out, nil //nolint:nilerr // a broken image has no layers to unpack
	}
	return out, s.layers(ctx, f.ChainID, out)
}

// layers adds the unpacked layers of a chain.
func (s *Service) layers(ctx context.Context, chain string, out parts) error {
	sn := s.client.Snapshots(s.client.SnapshotterName())
	for chain != "" {
		info, err := sn.Stat(ctx, chain)
		if errdefs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		usage, err := sn.Usage(ctx, chain)
		if err != nil {
			return err
		}
		out["layer "+digest.Digest(chain).String()] = usage.Size
		chain = info.Parent
	}
	return nil
}
