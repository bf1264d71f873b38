package image

import (
	"cmp"
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ListOptions selects images, as `docker images` does.
type ListOptions struct {
	// Filters are Docker's: reference, dangling, label, before, since, until.
	Filters map[string][]string
	// Uses counts the containers of each image; else Containers is -1.
	Uses bool
	// Manifests describes the platforms of each image. They are measured each
	// time: this is for a look at a few images.
	Manifests bool
}

// List gives one summary for each image, newest first: names that point at the
// same target are names of one image. Sizes come from the cache; an image is
// measured once, when it is first listed.
func (s *Service) List(ctx context.Context, opts ListOptions) ([]image.Summary, error) {
	records, err := s.client.Images().List(s.client.Context(ctx))
	if err != nil {
		return nil, err
	}
	keep, err := s.filter(ctx, opts.Filters)
	if err != nil {
		return nil, err
	}
	groups := map[digest.Digest][]images.Image{}
	for _, r := range records {
		groups[r.Target.Digest] = append(groups[r.Target.Digest], r)
	}
	var list []image.Summary
	var uses Uses
	if opts.Uses || opts.Manifests {
		if uses, err = s.uses(ctx); err != nil {
			return nil, err
		}
	}
	for _, group := range groups {
		summary, config, err := s.summary(ctx, sorted(group))
		if err != nil {
			return nil, err
		}
		if !keep(&summary, config) {
			continue
		}
		if opts.Uses {
			summary.Containers = int64(len(uses.of(group[0].Target.Digest, group)))
		}
		if opts.Manifests {
			if summary.Manifests, err = s.manifests(ctx, group[0].Target, uses.of(group[0].Target.Digest, group)); err != nil {
				return nil, err
			}
		}
		list = append(list, summary)
	}
	slices.SortFunc(list, func(a, b image.Summary) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), slices.Compare(a.RepoTags, b.RepoTags), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// summary describes the image of a group of records. An image whose content is
// broken or gone is listed all the same, so that it can be removed.
func (s *Service) summary(ctx context.Context, group []images.Image) (image.Summary, map[string]string, error) {
	target := group[0].Target
	tags, digests := names(group)
	sum := image.Summary{
		ID: target.Digest.String(), RepoTags: tags, RepoDigests: digests, Labels: map[string]string{},
		Containers: -1, SharedSize: -1, Created: group[0].CreatedAt.Unix(), Descriptor: &target,
	}
	f, err := s.sized(ctx, target)
	if err != nil {
		if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
			return sum, nil, nil
		}
		return sum, nil, err
	}
	sum.Size = f.size(s.client.SnapshotterName())
	if f.Config.Created != nil {
		sum.Created = f.Config.Created.Unix()
	}
	if f.Config.Config.Labels != nil {
		sum.Labels = f.Config.Config.Labels
	}
	return sum, f.Config.Config.Labels, nil
}

// names splits the names of one image as Docker shows them: its tags, and for
// each repository the digest it has there.
func names(group []images.Image) (tags, digests []string) {
	tags, digests = []string{}, []string{}
	for _, r := range group {
		if isDangling(r.Name) {
			continue
		}
		ref, err := reference.ParseNormalizedNamed(r.Name)
		if err != nil {
			tags = append(tags, r.Name)
			continue
		}
		if _, ok := ref.(reference.Tagged); ok {
			tags = append(tags, reference.FamiliarString(ref))
		}
		d := reference.FamiliarName(ref) + "@" + r.Target.Digest.String()
		if !slices.Contains(digests, d) {
			digests = append(digests, d)
		}
	}
	return tags, digests
}

// sized gives the facts of an image with its sizes filled in.
func (s *Service) sized(ctx context.Context, target ocispec.Descriptor) (*facts, error) {
	f, err := s.facts(ctx, target, nil)
	if err != nil {
		return nil, err
	}
	name := s.client.SnapshotterName()
	_, unpacked := f.Unpacked[name]
	if f.ContentSize >= 0 && unpacked {
		return f, nil
	}
	ctx = s.client.Context(ctx)
	if f.ContentSize < 0 {
		if f.ContentSize, err = contentSize(ctx, s.client.Content(), target); err != nil {
			return nil, err
		}
	}
	if !unpacked {
		size, err := s.snapshotSize(ctx, name, f)
		if err == nil {
			f.Unpacked[name] = size
		} else if !errdefs.IsNotFound(err) {
			return nil, err
		}
	}
	s.saveFacts(target.Digest, nil, f)
	return f, nil
}

// size is what an image takes on disk, as Docker counts it: its content and its
// unpacked layers.
func (f *facts) size(snapshotter string) int64 {
	return max(f.ContentSize, 0) + f.Unpacked[snapshotter]
}

// contentSize adds up the blobs below target that are here, each once.
func contentSize(ctx context.Context, store content.Store, target ocispec.Descriptor) (int64, error) {
	var total int64
	seen := map[digest.Digest]bool{}
	err := images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if seen[desc.Digest] {
			return nil, images.ErrSkipDesc
		}
		seen[desc.Digest] = true
		if guard(desc) != nil {
			return nil, images.ErrSkipDesc
		}
		info, err := store.Info(ctx, desc.Digest)
		if errdefs.IsNotFound(err) {
			return nil, images.ErrSkipDesc
		}
		if err != nil {
			return nil, err
		}
		total += info.Size
		return images.Children(ctx, store, desc)
	}), target)
	return total, err
}

// snapshotSize adds up the unpacked layers. NotFound: not all of them are here.
func (s *Service) snapshotSize(ctx context.Context, snapshotter string, f *facts) (int64, error) {
	snapshots := s.client.Snapshots(snapshotter)
	var total int64
	for at := f.ChainID; at != ""; {
		info, err := snapshots.Stat(ctx, at)
		if err != nil {
			return 0, err
		}
		usage, err := snapshots.Usage(ctx, at)
		if err != nil {
			return 0, err
		}
		total += usage.Size
		at = info.Parent
	}
	return total, nil
}
