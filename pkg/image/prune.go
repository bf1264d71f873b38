package image

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/event"
)

type descriptor = ocispec.Descriptor

// labelPinned marks an image that a kubelet must not lose; containerd's CRI sets it.
const labelPinned = "io.cri-containerd.pinned"

// PruneOptions selects which unused images Prune removes.
type PruneOptions struct {
	All bool // those that have names too, not just dangling ones
	// Filters are Docker's: dangling, until, label, label!.
	Filters map[string][]string
}

// Prune removes the images that no container uses, as `docker image prune` does.
// A pinned image stays.
func (s *Service) Prune(ctx context.Context, opts PruneOptions) (image.PruneReport, error) {
	var rep image.PruneReport
	doomed, kept, err := s.prunable(ctx, opts)
	if err != nil {
		return rep, err
	}
	before := slices.Concat(doomed, kept)
	var failed []error
	var gone []int
	for i := range doomed {
		done, err := s.pruneOne(ctx, &doomed[i].sum)
		switch {
		case err == nil:
			gone = append(gone, i)
			rep.ImagesDeleted = append(rep.ImagesDeleted, done...)
		case !errdefs.IsNotFound(err) && !errdefs.IsFailedPrecondition(err): // else gone, or used, meanwhile
			failed = append(failed, err)
		}
	}
	all := make([]parts, len(before))
	for i := range before {
		all[i] = before[i].parts
	}
	freed := union(all, nil) - union(all, func(i int) bool { return !slices.Contains(gone, i) })
	rep.SpaceReclaimed = uint64(max(freed, 0))
	event.Send(ctx, s.events, event.New(events.ImageEventType, events.ActionPrune, "", map[string]string{"reclaimed": strconv.FormatUint(rep.SpaceReclaimed, 10)}))
	return rep, errors.Join(failed...)
}

type candidate struct {
	sum   image.Summary
	parts parts
}

// prunable splits the images into those that go and those that stay.
func (s *Service) prunable(ctx context.Context, opts PruneOptions) (doomed, kept []candidate, err error) {
	filters, not, err := pruneFilters(opts)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := s.List(ctx, ListOptions{Filters: filters})
	if err != nil {
		return nil, nil, err
	}
	all, err := s.List(ctx, ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	byTarget, err := s.usersByTarget(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, sum := range all {
		p, err := s.parts(ctx, &sum)
		if err != nil {
			return nil, nil, err
		}
		users := byTarget[sum.Descriptor.Digest]
		wanted := slices.ContainsFunc(chosen, func(c image.Summary) bool { return c.ID == sum.ID }) &&
			!slices.ContainsFunc(not, func(label string) bool { return hasLabel(sum.Labels, label) })
		if wanted && len(users) == 0 && !s.pinned(ctx, &sum) {
			doomed = append(doomed, candidate{sum, p})
		} else {
			kept = append(kept, candidate{sum, p})
		}
	}
	return doomed, kept, nil
}

// pruneFilters are the filters of List that choose what Prune removes, and the
// labels that keep an image.
func pruneFilters(opts PruneOptions) (filters map[string][]string, not []string, err error) {
	filters = maps.Clone(opts.Filters)
	if filters == nil {
		filters = map[string][]string{}
	}
	for key, values := range filters {
		switch key {
		case "until", "label", "label!":
		case "dangling":
			only, err := strconv.ParseBool(values[len(values)-1])
			if err != nil {
				return nil, nil, errorf(errdefs.ErrInvalidArgument, "invalid filter 'dangling=[%s]'", strings.Join(values, " "))
			}
			opts.All = !only
		default:
			return nil, nil, errorf(errdefs.ErrInvalidArgument, "invalid filter '%s'", key)
		}
	}
	not = filters["label!"]
	delete(filters, "label!")
	delete(filters, "dangling")
	if !opts.All {
		filters["dangling"] = []string{"true"}
	}
	return filters, not, nil
}

func (s *Service) pinned(ctx context.Context, sum *image.Summary) bool {
	records, err := s.client.Images().List(s.client.Context(ctx), "target.digest=="+sum.ID)
	return err != nil || slices.ContainsFunc(records, func(r images.Image) bool { return r.Labels[labelPinned] == "pinned" })
}

// pruneOne removes an image with all its names, unless a container has come to
// use it.
func (s *Service) pruneOne(ctx context.Context, sum *image.Summary) ([]image.DeleteResponse, error) {
	records, err := s.client.Images().List(s.client.Context(ctx), "target.digest=="+sum.ID)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	uses, err := s.uses(ctx)
	if err != nil {
		return nil, err
	}
	if len(uses.of(sum.Descriptor.Digest, records)) > 0 {
		return nil, errorf(errdefs.ErrFailedPrecondition, "image %s is in use", shortID(sum.Descriptor.Digest))
	}
	return s.removeAll(s.client.Context(ctx), sum.Descriptor.Digest, sorted(records), false)
}
