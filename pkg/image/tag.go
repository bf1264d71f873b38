package image

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

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

// Tags lists the local names of a repository, in the order of their tags.
func (s *Service) Tags(ctx context.Context, repo reference.Named) ([]reference.Named, error) {
	records, err := s.client.Images().List(s.client.Context(ctx), fmt.Sprintf("name~=%q", "^"+regexp.QuoteMeta(repo.Name())+":"))
	if err != nil {
		return nil, err
	}
	var tags []reference.Named
	for _, r := range records {
		if named, err := reference.ParseNormalizedNamed(r.Name); err == nil && named.Name() == repo.Name() {
			tags = append(tags, named)
		}
	}
	if len(tags) == 0 {
		return nil, errorf(errdefs.ErrNotFound, "An image does not exist locally with the tag: %s", reference.FamiliarName(repo))
	}
	slices.SortFunc(tags, func(a, b reference.Named) int { return strings.Compare(a.String(), b.String()) })
	return tags, nil
}
