package image

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// SaveOptions says what Save writes.
type SaveOptions struct {
	// Platforms to write; none: all that are here.
	Platforms []ocispec.Platform
	// AllPlatforms fails if an image names a platform that is not here.
	AllPlatforms bool
}

// Save writes images to one tar that `docker load`, nerd and OCI tools read: an
// OCI layout with Docker's manifest.json beside it. Each ref is a name, which is
// kept, an id, or a repository, of which all tags are written. Everything is
// looked up before the first byte is written.
func (s *Service) Save(ctx context.Context, refs []string, w io.Writer, opts SaveOptions) error {
	ctx = s.client.Context(ctx)
	store := s.client.Content()
	matcher := platforms.Ordered(platforms.DefaultSpec())
	exports := []archive.ExportOpt{archive.WithAllPlatforms(), archive.WithSkipNonDistributableBlobs(), archive.WithSkipMissing(store)}
	if len(opts.Platforms) > 0 {
		matcher = platforms.Ordered(opts.Platforms...)
		exports = exports[1:]
	}
	exports = append(exports, archive.WithPlatform(anyOf{matcher, len(opts.Platforms) == 0}))
	var saved []ocispec.Descriptor
	for _, ref := range refs {
		records, err := s.toSave(ctx, ref)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := s.savable(ctx, r, opts.Platforms); err != nil {
				return err
			}
			if opts.AllPlatforms {
				if err := s.complete(ctx, r.Target); err != nil {
					return fmt.Errorf("%s: %w", ref, err)
				}
			}
			var names []string
			if r.Name != "" {
				names = []string{r.Name}
			}
			exports = append(exports, archive.WithManifest(r.Target, names...))
			if !slices.ContainsFunc(saved, func(d ocispec.Descriptor) bool { return d.Digest == r.Target.Digest }) {
				saved = append(saved, r.Target)
			}
		}
	}
	if err := archive.Export(ctx, aheadStore{store}, w, exports...); err != nil {
		return err
	}
	for _, target := range saved {
		s.emitByID(ctx, events.ActionSave, target.Digest, s.labels(ctx, target))
	}
	return nil
}

// anyOf orders platforms, and matches all of them if all is set.
type anyOf struct {
	platforms.MatchComparer
	all bool
}

func (a anyOf) Match(p ocispec.Platform) bool { return a.all || a.MatchComparer.Match(p) }

// toSave gives the records to write for a ref. An id is written without names,
// and a repository without a tag stands for all its tags, as in Docker.
func (s *Service) toSave(ctx context.Context, typed string) ([]images.Image, error) {
	records, err := s.find(ctx, typed)
	ref, parseErr := ParseRef(typed)
	if parseErr != nil {
		return nil, parseErr
	}
	if err == nil && (ref.named == nil || !sameName(records[0].Name, ref.named)) {
		return []images.Image{{Target: records[0].Target}}, nil
	}
	bare, nameErr := reference.ParseNormalizedNamed(typed)
	if nameErr != nil || !reference.IsNameOnly(bare) {
		return records, err
	}
	all, listErr := s.client.Images().List(ctx)
	if listErr != nil {
		return nil, listErr
	}
	all = slices.DeleteFunc(all, func(i images.Image) bool { return !strings.HasPrefix(i.Name, bare.Name()+":") })
	if len(all) == 0 {
		return records, err
	}
	return sorted(all), nil
}

func sameName(stored string, named reference.Named) bool { return stored == storeName(named) }

// savable fails for an image that has no content here, or none of a platform.
func (s *Service) savable(ctx context.Context, r images.Image, want []ocispec.Platform) error {
	all, err := variants(ctx, s.client.Content(), r.Target)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return noVariant(r.Target, all, nil)
	}
	for i := range want {
		if choose(all, &want[i]) == nil {
			return noVariant(r.Target, all, &want[i])
		}
	}
	for _, v := range all {
		missing, err := s.missing(ctx, v)
		if err != nil {
			return err
		}
		if missing == "" {
			return nil
		}
	}
	return errorf(errdefs.ErrNotFound, "image %s lacks layers here: pull it again", r.Target.Digest)
}

// missing is the first layer of a variant that is not in the content store.
func (s *Service) missing(ctx context.Context, v variant) (string, error) {
	for _, l := range v.Manifest.Layers {
		if images.IsNonDistributable(l.MediaType) {
			continue
		}
		_, err := s.client.Content().Info(ctx, l.Digest)
		if errdefs.IsNotFound(err) {
			return l.Digest.String(), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}
