package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/containerd/v2/pkg/snapshotters"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// maxDownloads is how many blobs are fetched at a time, Docker's default.
const maxDownloads = 3

// PullOptions says what Pull fetches.
type PullOptions struct {
	// Platforms to fetch; none: this machine's, or the best that runs on it. The
	// first is the one that Pulled describes.
	Platforms []ocispec.Platform
	// AllPlatforms fetches all that the image has.
	AllPlatforms bool
	// NoUnpack leaves the layers compressed: the image can be saved and pushed,
	// and is unpacked when a container is made from it.
	NoUnpack bool
	// Check refuses an image before anything of it is fetched; nil: all are taken.
	Check Check
	// Progress receives events, from several goroutines. Nil: none.
	Progress func(Event)
}

// Pulled is what Pull got.
type Pulled struct {
	Name   string        // full reference
	Digest digest.Digest // of the target, as the registry gives it
	New    bool          // false: the name had that target already
	Image  *Image
}

// Pull fetches an image by tag or by digest and unpacks it while it arrives. The
// name is set last, so a failed pull changes nothing; what arrived whole before
// a failure is found again by a pull that follows soon.
func (s *Service) Pull(ctx context.Context, ref string, opts PullOptions) (*Pulled, error) {
	named, err := parseNamed(ref)
	if err != nil {
		return nil, err
	}
	if s.resolver == nil {
		return nil, fmt.Errorf("no registry is configured: %w", errdefs.ErrFailedPrecondition)
	}
	leased, done, err := s.leased(ctx, "pull")
	if err != nil {
		return nil, err
	}
	all := &layers{report: opts.Progress, phases: map[digest.Digest]Event{}}
	if opts.Progress != nil {
		opts.Progress = all.note
	}
	pulled, err := s.pull(leased, named, opts)
	if err == nil {
		all.complete()
		return pulled, s.end(ctx, done, nil)
	}
	// What arrived is left to the next garbage collection rather than to one
	// now, so that a pull tried again at once does not start anew.
	return nil, errors.Join(err, done(false))
}

func (s *Service) pull(ctx context.Context, named reference.Named, opts PullOptions) (*Pulled, error) {
	name := storeName(named)
	remote := s.resolver.Remote(ctx)
	resolved, target, err := remote.Resolve(ctx, name)
	if err != nil {
		return nil, registry.Explain(named, err)
	}
	if err := guard(target); err != nil {
		return nil, err
	}
	if target.MediaType == images.MediaTypeDockerSchema1Manifest {
		return nil, errorf(errdefs.ErrInvalidArgument, "%s is in the image format of Docker before 1.10, which is no longer supported: push it anew from a current Docker", reference.FamiliarString(named))
	}
	if opts.Check != nil {
		if err := opts.Check(ctx, s.repository(named), target); err != nil {
			return nil, fmt.Errorf("%s is refused: %w", reference.FamiliarString(named), err)
		}
	}
	fetcher, err := remote.Fetcher(ctx, resolved)
	if err != nil {
		return nil, registry.Explain(named, err)
	}
	err = s.fetch(ctx, named, target, fetcher, opts)
	if isSealed(err) { // it is here to be decrypted, or for another snapshotter
		opts.NoUnpack = true
		err = s.fetch(ctx, named, target, fetcher, opts)
	}
	if err != nil {
		return nil, err
	}
	s.forget(target.Digest)
	f, err := s.pulledFacts(ctx, named, target, opts)
	if err != nil {
		return nil, err
	}
	before, err := s.setRecord(ctx, name, target)
	if err != nil {
		return nil, err
	}
	s.emit(ctx, events.ActionPull, reference.FamiliarString(named), reference.FamiliarName(named), f.Config.Config.Labels)
	return &Pulled{
		Name: name, Digest: target.Digest, New: before != target.Digest, Image: f.image(name, target),
	}, s.dropDangling(ctx, target.Digest)
}

// pulledFacts checks that each platform that was asked for has come, and gives
// the facts of the first.
func (s *Service) pulledFacts(ctx context.Context, named reference.Named, target ocispec.Descriptor, opts PullOptions) (*facts, error) {
	if len(opts.Platforms) == 0 {
		return s.facts(ctx, target, nil)
	}
	var first *facts
	for i := range opts.Platforms {
		f, err := s.facts(ctx, target, &opts.Platforms[i])
		if errdefs.IsNotFound(err) {
			err = cmp.Or(s.noMatch(ctx, named, target, opts.Platforms), mismatch(named, err))
		}
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = f
		}
	}
	return first, nil
}

// choice is the platforms that a pull wants, and of how many manifests.
func (o *PullOptions) choice() (matcher platforms.MatchComparer, manifests int) {
	switch {
	case o.AllPlatforms:
		return platforms.All, 0
	case len(o.Platforms) == 0:
		return platforms.Default(), 1
	case len(o.Platforms) == 1:
		return platforms.Only(platforms.Normalize(o.Platforms[0])), 1
	}
	return platforms.Any(o.Platforms...), 0
}

// fetch brings what target needs for the platforms into the content store, and
// its layers into the snapshotter.
func (s *Service) fetch(ctx context.Context, named reference.Named, target ocispec.Descriptor, fetcher remotes.Fetcher, opts PullOptions) error {
	matcher, manifests := opts.choice()
	store := s.client.Content()
	children := images.SetChildrenLabels(store, images.ChildrenHandler(store))
	children = images.FilterPlatforms(children, matcher)
	if manifests > 0 {
		children = images.LimitManifests(children, matcher, manifests)
	}
	if s.client.SnapshotterName() != ctrd.DefaultSnapshotter {
		// One that fetches layers by itself is told where they are.
		children = snapshotters.AppendInfoHandlerWrapper(named.String())(children).Handle
	}
	source, err := docker.AppendDistributionSourceLabel(store, named.String())
	if err != nil {
		return err
	}
	report := reporter(opts.Progress)
	handler := images.Handler(images.Handlers(
		guardAll(),
		s.fetchHandler(fetcher, report),
		announce(children, report),
		source,
	))
	wait := func() error { return nil }
	if !opts.NoUnpack {
		unpacker, err := s.unpacker(ctx, s.client.SnapshotterName(), opts.unpacked(), report)
		if err != nil {
			return err
		}
		handler = unpacker.Unpack(handler)
		wait = func() error { _, err := unpacker.Wait(); return err }
	}
	err = images.Dispatch(ctx, handler, nil, target)
	if err = unwrapLayer(firstOf(wait(), err)); err == nil {
		return nil
	}
	if len(opts.Platforms) > 0 || images.IsIndexType(target.MediaType) {
		if e := s.noMatch(ctx, named, target, opts.Platforms); e != nil {
			return e
		}
	}
	return registry.Explain(named, err)
}

// unpacked are the platforms whose layers are unpacked: of several only this
// machine's, the others are only passed on.
func (o *PullOptions) unpacked() platforms.Matcher {
	if o.AllPlatforms || len(o.Platforms) > 1 {
		return platforms.Default()
	}
	return platforms.All
}

// fetchHandler fetches one blob, reporting layers as they come.
func (s *Service) fetchHandler(fetcher remotes.Fetcher, report reporter) images.HandlerFunc {
	store := s.client.Content()
	slots := semaphore.NewWeighted(maxDownloads)
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if err := slots.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer slots.Release(1)
		fetched := false
		from := fetcherFunc(func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
			fetched = true
			report.layer(desc, Downloading, 0)
			rc, err := fetcher.Fetch(ctx, desc)
			if err != nil {
				return nil, err
			}
			return count(rc, desc, report), nil
		})
		// A download that is cut goes on where it stopped.
		err := registry.Persist(ctx, func() error { return fetchBlob(ctx, store, from, desc) })
		if err != nil && !errdefs.IsAlreadyExists(err) {
			return nil, err
		}
		phase := Exists
		if fetched {
			phase = Downloaded
		}
		report.layer(desc, phase, desc.Size)
		return nil, nil
	}
}

// fetchBlob is remotes.Fetch; where the registry cannot serve the rest of a blob
// of which a part is here, it begins anew.
func fetchBlob(ctx context.Context, store content.Store, from remotes.Fetcher, desc ocispec.Descriptor) error {
	err := remotes.Fetch(ctx, store, from, desc)
	var status remoteerrors.ErrUnexpectedStatus
	if !errors.As(err, &status) || status.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return err
	}
	if err := store.Abort(ctx, remotes.MakeRefKey(ctx, desc)); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return remotes.Fetch(ctx, store, from, desc)
}

type fetcherFunc func(context.Context, ocispec.Descriptor) (io.ReadCloser, error)

func (f fetcherFunc) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return f(ctx, desc)
}

// announce reports the layers of a manifest before the first one is fetched, so
// that a display shows them all, in order.
func announce(next images.HandlerFunc, report reporter) images.HandlerFunc {
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		children, err := next(ctx, desc)
		for _, c := range children {
			report.layer(c, Waiting, 0)
		}
		return children, err
	}
}

// noMatch is the error for an index without a manifest for one of the platforms;
// nil if it has all or cannot be read.
func (s *Service) noMatch(ctx context.Context, named reference.Named, target ocispec.Descriptor, want []ocispec.Platform) error {
	var index ocispec.Index
	if !images.IsIndexType(target.MediaType) || readJSON(ctx, s.client.Content(), target, &index) != nil {
		return nil
	}
	if len(want) == 0 {
		want = []ocispec.Platform{platforms.DefaultSpec()}
	}
	for _, p := range want {
		matcher := platforms.Only(platforms.Normalize(p))
		if !slices.ContainsFunc(index.Manifests, func(m ocispec.Descriptor) bool { return m.Platform == nil || matcher.Match(*m.Platform) }) {
			return errorf(errdefs.ErrNotFound, "no matching manifest for %s in the manifest list entries of %s", platforms.Format(p), reference.FamiliarString(named))
		}
	}
	return nil
}

// mismatch words a platform that an image does not have.
func mismatch(named reference.Named, err error) error {
	if !errdefs.IsNotFound(err) {
		return err
	}
	return errorf(errdefs.ErrNotFound, "%s: %v", reference.FamiliarString(named), err)
}

// RemoteTags lists the tags that a repository has in its registry.
func (s *Service) RemoteTags(ctx context.Context, repo reference.Named) ([]string, error) {
	if s.resolver == nil {
		return nil, fmt.Errorf("no registry is configured: %w", errdefs.ErrFailedPrecondition)
	}
	return s.resolver.Tags(ctx, repo)
}
