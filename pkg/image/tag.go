package image

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
)

// Tag gives an image one more name. The name is taken from the image that had it.
func (s *Service) Tag(ctx context.Context, ref, name string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return invalidRef(name, err)
	}
	if _, ok := named.(reference.Digested); ok {
		return errorf(errdefs.ErrInvalidArgument, "refusing to create a tag with a digest reference")
	}
	records, err := s.find(ctx, ref)
	if err != nil {
		return err
	}
	ctx = s.client.Context(ctx)
	target := records[0].Target
	if _, err := s.setRecord(ctx, reference.TagNameOnly(named).String(), target); err != nil {
		return err
	}
	s.emit(ctx, events.ActionTag, target.Digest.String(), reference.FamiliarString(reference.TagNameOnly(named)), s.labels(ctx, target))
	return s.dropDangling(ctx, target.Digest)
}
