package image

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Resolve finds a local image by name, digest, id or unambiguous short id, and
// chooses the variant for this machine. A missing image is NotFound, an
// ambiguous or malformed reference InvalidArgument. With a name and a warm cache
// it costs one call to containerd.
func (s *Service) Resolve(ctx context.Context, ref string) (*Image, error) {
	return s.ResolveFor(ctx, ref, nil)
}

// ResolveFor is Resolve for a given platform. An image that is not here for that
// platform is NotFound.
func (s *Service) ResolveFor(ctx context.Context, ref string, want *ocispec.Platform) (*Image, error) {
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	f, err := s.facts(ctx, records[0].Target, want)
	if err != nil {
		return nil, err
	}
	name := records[0].Name
	if isDangling(name) {
		name = ""
	}
	return f.image(name, records[0].Target), nil
}

// find gives the records that ref names: exactly one for a name, and for an id
// all records of its target. Never none without an error.
func (s *Service) find(ctx context.Context, typed string) ([]images.Image, error) {
	ref, err := ParseRef(typed)
	if err != nil {
		return nil, err
	}
	ctx = s.client.Context(ctx)
	store := s.client.Images()
	if ref.named != nil {
		record, err := store.Get(ctx, storeName(ref.named))
		if err == nil {
			return []images.Image{record}, nil
		}
		if !errdefs.IsNotFound(err) {
			return nil, err
		}
	}
	switch {
	case ref.digest != "":
		return s.byDigest(ctx, ref)
	case ref.prefix != "":
		return s.byPrefix(ctx, ref)
	}
	return nil, ref.notFound()
}

// byDigest finds an image by its full id. With a repository beside the digest
// only that repository's records count.
func (s *Service) byDigest(ctx context.Context, ref Ref) ([]images.Image, error) {
	found, err := s.client.Images().List(ctx, "target.digest=="+ref.digest.String())
	if err != nil {
		return nil, err
	}
	if ref.named != nil {
		found = slices.DeleteFunc(found, func(i images.Image) bool {
			named, err := reference.ParseNormalizedNamed(i.Name)
			return err != nil || named.Name() != ref.named.Name()
		})
	}
	if len(found) == 0 {
		return nil, ref.notFound()
	}
	return sorted(found), nil
}

func (s *Service) byPrefix(ctx context.Context, ref Ref) ([]images.Image, error) {
	found, err := s.client.Images().List(ctx, fmt.Sprintf("target.digest~=/^sha256:%s/", ref.prefix))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ref.notFound()
	}
	for _, i := range found[1:] {
		if i.Target.Digest != found[0].Target.Digest {
			return nil, errorf(errdefs.ErrInvalidArgument, "image id %q is ambiguous: more than one image begins with it", ref.typed)
		}
	}
	return sorted(found), nil
}

// sorted puts real names before stand-ins, and those in order, so that the same
// image always has the same first name.
func sorted(found []images.Image) []images.Image {
	slices.SortFunc(found, func(a, b images.Image) int {
		if x, y := isDangling(a.Name), isDangling(b.Name); x != y {
			if x {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return found
}
