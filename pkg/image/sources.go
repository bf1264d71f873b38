package image

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
)

// Source is an image that can be given to somebody who does not share the store.
type Source struct {
	Name      string // familiar, busybox:latest
	Target    digest.Digest
	Platforms []string // that are here whole, linux/amd64
}

// Sources lists the images that have a name, with the store that their content is
// read from. What is not here whole is left out.
func (s *Service) Sources(ctx context.Context) ([]Source, content.Store, error) {
	ctx = s.client.Context(ctx)
	store := s.client.Content()
	all, err := s.client.Images().List(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []Source
	for _, record := range all {
		if isDangling(record.Name) {
			continue
		}
		named, err := reference.ParseNormalizedNamed(record.Name)
		if err != nil {
			continue // of another tool, which has rules of its own for names
		}
		found, err := variants(ctx, store, record.Target)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		source := Source{Name: reference.FamiliarString(named), Target: record.Target.Digest}
		for _, v := range found {
			ok, err := s.whole(ctx, v.Desc)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				source.Platforms = append(source.Platforms, platforms.FormatAll(platforms.Normalize(v.Platform)))
			}
		}
		if len(source.Platforms) > 0 {
			out = append(out, source)
		}
	}
	return out, store, nil
}
