package image

import (
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
)

// Adopt gives names to an image that a builder has stored, complete and unpacked,
// under the stand-in for a name. Without names it keeps the stand-in, unless the
// image has a name from before.
func (s *Service) Adopt(ctx context.Context, target string, names []string) error {
	ctx = s.client.Context(ctx)
	id := digest.Digest(target)
	if err := id.Validate(); err != nil {
		return errorf(errdefs.ErrInvalidArgument, "the builder names its image %q, which is no digest", target)
	}
	records, err := s.client.Images().List(ctx, "target.digest=="+target)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return errorf(errdefs.ErrNotFound, "the image %s that was built has been removed", target)
	}
	desc := records[0].Target
	if err := s.markBuilt(ctx, desc); err != nil {
		return err
	}
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return invalidRef(name, err)
		}
		named = reference.TagNameOnly(named)
		before, err := s.setRecord(ctx, named.String(), desc)
		if err != nil {
			return err
		}
		if before != id {
			s.emit(ctx, events.ActionTag, target, reference.FamiliarString(named), s.labels(ctx, desc))
		}
	}
	hasName := slices.ContainsFunc(records, func(i images.Image) bool { return !isDangling(i.Name) })
	if len(names) == 0 && !hasName {
		return nil
	}
	return s.dropDangling(ctx, id)
}
