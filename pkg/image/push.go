package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/nerd-cli/nerd/pkg/registry"
)

// maxUploads is how many blobs are sent at a time, Docker's default.
const maxUploads = 5

// PushOptions says what Push sends.
type PushOptions struct {
	// Platforms to send; none: all that are here.
	Platforms []ocispec.Platform
	// AllPlatforms fails if the image names a platform that is not here.
	AllPlatforms bool
	// NonDistributable sends layers that their makers do not want in other
	// registries, too.
	NonDistributable bool
	// Attach adds something about the image once it is there, such as a signature.
	// Nil: nothing.
	Attach Attach
	// Progress receives events, from several goroutines. Nil: none.
	Progress func(Event)
}

// Pushed is what Push sent.
type Pushed struct {
	Digest digest.Digest // of what the name stands for in the registry
	Size   int64         // of that document, in bytes
	// Missing are the platforms that the image names and that are not here. What
	// was sent is then not what the name stands for locally.
	Missing []string
}

// Push sends a local image to the registry that its name is of. Blobs that the
// repository has are not read, and those that another repository of the registry
// is known to have are mounted from there.
func (s *Service) Push(ctx context.Context, ref string, opts PushOptions) (*Pushed, error) {
	named, err := parseNamed(ref)
	if err != nil {
		return nil, err
	}
	if s.resolver == nil {
		return nil, fmt.Errorf("no registry is configured: %w", errdefs.ErrFailedPrecondition)
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, errorf(errdefs.ErrInvalidArgument, "cannot push a digest reference")
	}
	ctx, done, err := s.leased(ctx, "push")
	if err != nil {
		return nil, err
	}
	pushed, err := s.push(ctx, named, opts)
	return pushed, errors.Join(err, done(false))
}

func (s *Service) push(ctx context.Context, named reference.Named, opts PushOptions) (*Pushed, error) {
	record, err := s.client.Images().Get(ctx, storeName(named))
	if errdefs.IsNotFound(err) {
		return nil, errorf(errdefs.ErrNotFound, "An image does not exist locally with the tag: %s", reference.FamiliarName(named))
	}
	if err != nil {
		return nil, err
	}
	target, missing, err := s.selection(ctx, record.Target, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reference.FamiliarString(named), err)
	}
	if target, err = s.packed(ctx, target); err != nil {
		return nil, fmt.Errorf("%s: %w", reference.FamiliarString(named), err)
	}
	// The tag is for the target alone: an index must not be preceded by its parts.
	pusher, tracker, err := s.resolver.Pusher(ctx, named.String()+"@"+target.Digest.String())
	if err != nil {
		return nil, registry.Explain(named, err)
	}
	if err := s.send(ctx, named, target, pusher, tracker, opts); err != nil {
		return nil, registry.ExplainPush(named, err)
	}
	if opts.Attach != nil {
		if err := opts.Attach(ctx, s.repository(named), target); err != nil {
			return nil, fmt.Errorf("%s is pushed, but not signed: %w", reference.FamiliarString(named), err)
		}
	}
	s.emit(ctx, events.ActionPush, reference.FamiliarString(named), reference.FamiliarName(named), s.labels(ctx, record.Target))
	return &Pushed{Digest: target.Digest, Size: target.Size, Missing: missing}, nil
}

// send uploads target and all below it.
func (s *Service) send(ctx context.Context, named reference.Named, target ocispec.Descriptor, pusher remotes.Pusher, tracker docker.StatusTracker, opts PushOptions) error {
	store := s.client.Content()
	source, err := docker.AppendDistributionSourceLabel(store, named.String())
	if err != nil {
		return err
	}
	report := reporter(opts.Progress)
	wrap := func(h images.Handler) images.Handler {
		if !opts.NonDistributable {
			h = remotes.SkipNonDistributableBlobs(h.Handle)
		}
		return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			report.layer(desc, Waiting, 0)
			var children []ocispec.Descriptor
			err := registry.Persist(ctx, func() (err error) { // an upload that is cut starts anew
				children, err = h.Handle(ctx, desc)
				return err
			})
			if err != nil && !errors.Is(err, images.ErrStopHandler) {
				return children, err
			}
			sent, serr := tracker.GetStatus(remotes.MakeRefKey(ctx, desc))
			switch {
			case serr != nil || !images.IsLayerType(desc.MediaType):
			case sent.MountedFrom != "":
				report.mounted(desc, strings.TrimPrefix(sent.MountedFrom, reference.Domain(named)+"/"))
			case sent.Exists:
				report.layer(desc, Exists, desc.Size)
			default:
				report.layer(desc, Uploaded, desc.Size)
			}
			// What the registry has now can be mounted into other repositories.
			if _, lerr := source(ctx, desc); lerr != nil && !errdefs.IsNotFound(lerr) {
				return nil, lerr
			}
			return children, err
		})
	}
	return remotes.PushContent(ctx, pusher, target, &counting{store, report}, semaphore.NewWeighted(maxUploads), platforms.All, wrap)
}

// counting reports what is read of the layers of a content store.
type counting struct {
	content.Store
	report reporter
}

func (c *counting) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	ra, err := c.Store.ReaderAt(ctx, desc)
	if err != nil || c.report == nil {
		return ra, err
	}
	return &countingReader{ReaderAt: ra, desc: desc, report: c.report}, nil
}

type countingReader struct {
	content.ReaderAt
	desc   ocispec.Descriptor
	report reporter
	shown  int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	if at := off + int64(n); at-c.shown >= reportStep {
		c.shown = at
		c.report.layer(c.desc, Uploading, at)
	}
	return n, err
}

// selection is what is sent of an image: the whole of it if all is here, the one
// manifest that is, or a new index of those that are. It names the platforms that
// are not here.
func (s *Service) selection(ctx context.Context, target ocispec.Descriptor, opts PushOptions) (ocispec.Descriptor, []string, error) {
	if !images.IsIndexType(target.MediaType) {
		ok, err := s.whole(ctx, target)
		if err == nil && !ok {
			err = errorf(errdefs.ErrNotFound, "parts of the image are not here: pull it anew")
		}
		return target, nil, err
	}
	store := s.client.Content()
	var index ocispec.Index
	if err := readJSON(ctx, store, target, &index); err != nil {
		return target, nil, err
	}
	kept, missing, err := s.present(ctx, index.Manifests, opts)
	switch {
	case err != nil:
		return target, nil, err
	case len(kept) == len(index.Manifests):
		return target, nil, nil
	case len(kept) == 0 && len(opts.Platforms) > 0:
		return target, nil, errorf(errdefs.ErrNotFound, "the image has no platform %s here; it is not here for %s", formatAll(opts.Platforms), strings.Join(missing, ", "))
	case len(kept) == 0:
		return target, nil, errorf(errdefs.ErrNotFound, "no platform of the image is here: pull it anew")
	case opts.AllPlatforms:
		return target, nil, errorf(errdefs.ErrNotFound, "the platforms %s are not here: pull them with --platform, or push without --all-platforms", strings.Join(missing, ", "))
	case len(kept) == 1:
		return kept[0], missing, nil
	}
	index.Manifests = kept
	desc, err := s.writeJSON(ctx, target.MediaType, index, nil)
	return desc, missing, err
}

// present picks the manifests of an index that are here whole and wanted, each
// with its attestations, and names the platforms that are not here.
func (s *Service) present(ctx context.Context, all []ocispec.Descriptor, opts PushOptions) (kept []ocispec.Descriptor, missing []string, err error) {
	matcher := platforms.All
	if len(opts.Platforms) > 0 {
		matcher = platforms.Any(opts.Platforms...)
	}
	chosen := map[string]bool{}
	for _, m := range all {
		about := m.Annotations[attestationOf]
		if about != "" && !chosen[about] {
			continue
		}
		ok, err := s.whole(ctx, m)
		if err != nil {
			return nil, nil, err
		}
		named := m.Platform != nil && about == ""
		switch {
		case !ok && named:
			missing = append(missing, platforms.Format(*m.Platform))
		case !ok, named && !matcher.Match(*m.Platform):
		default:
			kept = append(kept, m)
			chosen[m.Digest.String()] = true
		}
	}
	return kept, missing, nil
}

// attestationOf is the annotation by which BuildKit ties an attestation to the
// manifest that it is about.
const attestationOf = "vnd.docker.reference.digest"

// whole tells whether a manifest and all that it names are here.
func (s *Service) whole(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	store := s.client.Content()
	missing := false
	err := images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, err := store.Info(ctx, d.Digest); err != nil {
			missing = true
			return nil, err
		}
		return images.Children(ctx, store, d)
	}), desc)
	if missing && errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func formatAll(all []ocispec.Platform) string {
	var names []string
	for _, p := range all {
		names = append(names, platforms.Format(p))
	}
	return strings.Join(names, ", ")
}
