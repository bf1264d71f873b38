package image

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// PreloadOptions says how Preload pulls a list of images.
type PreloadOptions struct {
	Pull PullOptions
	// Missing pulls only what is not here, without asking a registry for the rest.
	Missing bool
	// Jobs is how many images are pulled at a time; at least one.
	Jobs int
	// Done receives each image when it is here or has failed, from several
	// goroutines. Nil: nobody.
	Done func(Preloaded)
}

// Preloaded is what became of one image of a list.
type Preloaded struct {
	Ref    string
	Digest digest.Digest // empty if it failed
	New    bool          // it was not here, or another image had its name
	Took   time.Duration
	Err    error
}

// Preload pulls images, several at a time. One that fails does not keep the others
// from coming; the results are in the order of the list, in which an image is
// pulled once, however often it is named. It fails only if it is cancelled.
func (s *Service) Preload(ctx context.Context, refs []string, opts PreloadOptions) ([]Preloaded, error) {
	var list []Preloaded
	seen := map[string]bool{}
	for _, ref := range refs {
		key := ref
		if named, err := parseNamed(ref); err == nil {
			key = storeName(named)
		}
		if !seen[key] {
			seen[key] = true
			list = append(list, Preloaded{Ref: ref})
		}
	}
	var g errgroup.Group
	g.SetLimit(max(1, opts.Jobs))
	for i := range list {
		g.Go(func() error {
			began := time.Now()
			p := &list[i]
			if p.Err = ctx.Err(); p.Err == nil {
				p.Digest, p.New, p.Err = s.preload(ctx, p.Ref, opts)
			}
			p.Took = time.Since(began)
			if opts.Done != nil && !errors.Is(p.Err, context.Canceled) {
				opts.Done(*p)
			}
			return nil
		})
	}
	_ = g.Wait() // every failure is in the list
	return list, ctx.Err()
}

func (s *Service) preload(ctx context.Context, ref string, opts PreloadOptions) (digest.Digest, bool, error) {
	if opts.Missing {
		img, err := s.Resolve(ctx, ref)
		if err == nil {
			return img.Target.Digest, false, nil
		}
		if !errdefs.IsNotFound(err) {
			return "", false, err
		}
	}
	pulled, err := s.Pull(ctx, ref, opts.Pull)
	if err != nil {
		return "", false, err
	}
	return pulled.Digest, pulled.New, nil
}
