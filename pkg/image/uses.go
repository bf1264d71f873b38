package image

import (
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	digest "github.com/opencontainers/go-digest"
)

// User is a container that uses an image.
type User struct {
	ID      string
	Running bool
}

// Uses are the containers that use each image, by its id; those of tools that
// know no ids by the image's full name.
type Uses map[string][]User

// SetInUse tells the service how to find the containers that use images, so that
// Remove can refuse and List can count. Without it no image is in use.
func (s *Service) SetInUse(f func(context.Context) (Uses, error)) { s.inUse = f }

// of are the users of an image with these names, running ones first.
func (u Uses) of(target digest.Digest, group []images.Image) []User {
	all := slices.Clone(u[target.String()])
	for _, r := range group {
		all = append(all, u[r.Name]...)
	}
	slices.SortStableFunc(all, func(a, b User) int {
		switch {
		case a.Running == b.Running:
			return 0
		case a.Running:
			return -1
		}
		return 1
	})
	return slices.CompactFunc(all, func(a, b User) bool { return a.ID == b.ID })
}

func (s *Service) uses(ctx context.Context) (Uses, error) {
	if s.inUse == nil {
		return nil, nil
	}
	return s.inUse(ctx)
}

// usersByTarget finds the users of all images at once.
func (s *Service) usersByTarget(ctx context.Context) (map[digest.Digest][]User, error) {
	uses, err := s.uses(ctx)
	if err != nil || len(uses) == 0 {
		return nil, err
	}
	records, err := s.client.Images().List(s.client.Context(ctx))
	if err != nil {
		return nil, err
	}
	groups := map[digest.Digest][]images.Image{}
	for _, r := range records {
		groups[r.Target.Digest] = append(groups[r.Target.Digest], r)
	}
	out := map[digest.Digest][]User{}
	for target, group := range groups {
		out[target] = uses.of(target, group)
	}
	return out, nil
}
