package image

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/compress"
)

// LoadOptions says what Load takes from an archive.
type LoadOptions struct {
	// Platforms to take; none: all that the archive holds.
	Platforms []ocispec.Platform
	// AllPlatforms fails if an image names a platform that the archive has not.
	AllPlatforms bool
	// Progress receives events while layers are unpacked. Nil: none.
	Progress func(Event)
}

// Loaded is an image that Load took from an archive.
type Loaded struct {
	Name     string        // familiar, busybox:latest; empty if the archive names none
	ID       digest.Digest // target
	Replaced digest.Digest // image that had the name before; empty if none or the same
}

// Load reads an image archive, as `docker save` writes it or an OCI layout in a
// tar, plain or compressed, from a stream. It unpacks the images and names them
// last: a failure leaves nothing.
func (s *Service) Load(ctx context.Context, r io.Reader, opts LoadOptions) (loaded []Loaded, err error) {
	caller := ctx
	ctx, done, err := s.leased(ctx, "load")
	if err != nil {
		return nil, err
	}
	defer func() { err = s.end(caller, done, err) }()

	entries, err := s.ingest(ctx, r)
	if err != nil {
		return nil, err
	}
	matcher := platforms.MatchComparer(platforms.All)
	if len(opts.Platforms) > 0 {
		matcher = platforms.Any(opts.Platforms...)
	}
	unpacked := map[digest.Digest]bool{}
	for _, e := range entries {
		if unpacked[e.target.Digest] {
			continue
		}
		unpacked[e.target.Digest] = true
		if opts.AllPlatforms {
			if err := s.complete(ctx, e.target); err != nil {
				return nil, archiveError(err)
			}
		}
		if err := s.settle(ctx, e.target, matcher, opts); err != nil {
			return nil, archiveError(err)
		}
	}
	for _, e := range entries {
		l, err := s.publish(ctx, e)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(loaded, func(o Loaded) bool { return o.ID == l.ID }) {
			s.emitByID(ctx, events.ActionLoad, l.ID, s.labels(ctx, e.target))
		}
		loaded = append(loaded, l)
	}
	return loaded, nil
}

// entry is an image in an archive. The name is empty if the archive gives none.
type entry struct {
	name   string
	target ocispec.Descriptor
}

// ingest writes the archive's blobs to the content store and reads its index.
func (s *Service) ingest(ctx context.Context, r io.Reader) ([]entry, error) {
	plainStream, err := compress.NewReader(r)
	if err != nil {
		return nil, archiveError(err)
	}
	defer plainStream.Close()
	store := s.client.Content()
	lease, _ := leases.FromContext(ctx)
	desc, err := archive.ImportIndex(ctx, ownRefs{store, lease}, plainStream)
	if err != nil {
		return nil, archiveError(err)
	}
	if err := guard(desc); err != nil {
		return nil, archiveError(err)
	}
	var index ocispec.Index
	if err := readJSON(ctx, store, desc, &index); err != nil {
		return nil, archiveError(err)
	}
	var entries []entry
	for _, m := range index.Manifests {
		if !images.IsManifestType(m.MediaType) && !images.IsIndexType(m.MediaType) {
			continue
		}
		if m.Annotations[images.AnnotationManifestSubject] != "" {
			continue // an attachment of another image
		}
		name, err := entryName(m.Annotations)
		if err != nil {
			return nil, archiveError(err)
		}
		entries = append(entries, entry{name, m})
	}
	if len(entries) == 0 {
		return nil, archiveError(errors.New("it holds no image"))
	}
	return entries, nil
}

// entryName is the full name that an index entry carries. A bare tag, as some
// tools write it, does not name a repository and so names nothing.
func entryName(annotations map[string]string) (string, error) {
	name := annotations[images.AnnotationImageName]
	if name == "" {
		name = annotations[ocispec.AnnotationRefName]
		if !strings.ContainsAny(name, ":/@") {
			return "", nil
		}
	}
	if isDangling(name) {
		return "", nil
	}
	named, err := parseNamed(name)
	if err != nil {
		return "", err
	}
	return storeName(named), nil
}

// settle makes an image that is in the content store whole: kept by garbage
// collection, checked, and unpacked for this machine or the only platform asked for.
func (s *Service) settle(ctx context.Context, target ocispec.Descriptor, matcher platforms.MatchComparer, opts LoadOptions) error {
	if err := retain(ctx, s.client.Content(), target, matcher); err != nil {
		return err
	}
	s.forget(target.Digest)
	var want *ocispec.Platform
	if len(opts.Platforms) == 1 {
		want = &opts.Platforms[0]
	}
	f, err := s.readFacts(ctx, target, want)
	if err != nil {
		return err
	}
	err = s.unpackManifest(ctx, f.Manifest, s.client.SnapshotterName(), opts.Progress)
	if err != nil && !isSealed(err) {
		return err
	}
	s.saveFacts(target.Digest, want, f)
	return nil
}

// publish gives a loaded image its name.
func (s *Service) publish(ctx context.Context, e entry) (Loaded, error) {
	l := Loaded{ID: e.target.Digest}
	if e.name == "" {
		return l, s.keepDangling(ctx, images.Image{Target: plain(e.target)})
	}
	before, err := s.setRecord(ctx, e.name, e.target)
	if err != nil {
		return l, err
	}
	if before != e.target.Digest {
		l.Replaced = before
	}
	if named, err := reference.ParseNormalizedNamed(e.name); err == nil {
		l.Name = reference.FamiliarString(named)
	}
	return l, s.dropDangling(ctx, e.target.Digest)
}

// archiveError is the one line for a bad archive. Failures of containerd or of
// the caller's own making keep their words and kinds.
func archiveError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errdefs.IsUnavailable(err):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errorf(errdefs.ErrInvalidArgument, "the image archive is cut short: %v", err)
	}
	return errorf(errdefs.ErrInvalidArgument, "the image archive cannot be loaded: %s", withoutKind(err))
}

// withoutKind is the text of an error without the name of its kind at the end.
func withoutKind(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+errdefs.ErrInvalidArgument.Error())
}

// ownRefs keeps the unfinished writes of one import apart from those of every
// other: containerd resumes a write of the same name, and an archive names its
// files as it likes.
type ownRefs struct {
	content.Store
	prefix string
}

func (o ownRefs) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	return o.Store.Writer(ctx, append(opts, func(w *content.WriterOpts) error {
		w.Ref = o.prefix + "-" + w.Ref
		return nil
	})...)
}
