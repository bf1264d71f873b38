package image

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/unpack"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// EnsureUnpacked unpacks an image's layers into a snapshotter, empty for the
// client's own. It is meant for when the snapshot turned out to be missing:
// images are unpacked when they arrive.
func (s *Service) EnsureUnpacked(ctx context.Context, img *Image, snapshotter string) error {
	if img.ChainID == "" {
		return nil
	}
	if snapshotter == "" {
		snapshotter = s.client.SnapshotterName()
	}
	ctx, done, err := s.leased(ctx, "unpack")
	if err != nil {
		return err
	}
	err = s.unpackManifest(ctx, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: img.ManifestDigest}, snapshotter, nil)
	if errdefs.IsNotFound(err) {
		err = errorf(errdefs.ErrNotFound, "image %s lacks layers here: pull it again", img.ID())
	}
	return errors.Join(err, done(err != nil))
}

// unpackManifest unpacks the layers of a manifest that is in the content store.
func (s *Service) unpackManifest(ctx context.Context, desc ocispec.Descriptor, snapshotter string, report reporter) error {
	store := s.client.Content()
	if desc.Size == 0 {
		info, err := store.Info(ctx, desc.Digest)
		if err != nil {
			return err
		}
		desc.Size = info.Size
	}
	unpacker, err := s.unpacker(ctx, snapshotter, platforms.All, report)
	if err != nil {
		return err
	}
	handler := unpacker.Unpack(images.ChildrenHandler(store))
	err = images.Dispatch(ctx, handler, nil, desc)
	_, waitErr := unpacker.Wait()
	return unwrapLayer(firstOf(waitErr, err))
}

// unpacker unpacks the layers of each configuration that passes through it,
// several at a time where the snapshotter can join them afterwards.
func (s *Service) unpacker(ctx context.Context, snapshotter string, matcher platforms.Matcher, report reporter) (*unpack.Unpacker, error) {
	kind, err := s.client.Snapshotter(ctx, snapshotter)
	switch {
	case errdefs.IsNotFound(err):
		return nil, errorf(errdefs.ErrFailedPrecondition, "%s", err)
	case err != nil:
		kind = &ctrd.Snapshotter{} // an old or a small containerd: one layer after the other
	}
	snaps := s.client.Snapshots(snapshotter)
	if snaps == nil {
		return nil, fmt.Errorf("snapshotter %s: %w", snapshotter, errdefs.ErrNotFound)
	}
	opts := []unpack.UnpackerOpt{
		unpack.WithUnpackPlatform(unpack.Platform{
			Platform:                matcher,
			SnapshotterKey:          snapshotter,
			Snapshotter:             forgiving{snaps},
			SnapshotterCapabilities: kind.Capabilities,
			Applier:                 applier{s.client.Diff(), report},
		}),
	}
	if !kind.Remote {
		// A layer whose snapshot is here already is fetched all the same: without
		// its blob the image could not be saved or pushed. Layers that are read
		// lazily are meant not to be here.
		opts = append(opts, unpack.WithFetchAllContent())
	}
	if slices.Contains(kind.Capabilities, snapshots.RebaseCap) {
		opts = append(opts, unpack.WithUnpackLimiter(semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0))))))
	}
	return unpack.NewUnpacker(ctx, s.client.Content(), opts...)
}

// forgiving finds a snapshot that is to be removed, and is gone, to be no failure.
// The unpacker cleans up twice after a layer that cannot be unpacked, and the
// library would tell the user of the second time.
type forgiving struct{ snapshots.Snapshotter }

func (f forgiving) Remove(ctx context.Context, key string) error {
	return ignoreNotFound(f.Snapshotter.Remove(ctx, key))
}

// applier reports when a layer is being unpacked.
type applier struct {
	diff.Applier
	report reporter
}

func (a applier) Apply(ctx context.Context, desc ocispec.Descriptor, mounts []mount.Mount, opts ...diff.ApplyOpt) (ocispec.Descriptor, error) {
	a.report.layer(desc, Extracting, desc.Size)
	applied, err := a.Applier.Apply(ctx, desc, mounts, opts...)
	if err == nil {
		a.report.layer(desc, Complete, desc.Size)
		return applied, nil
	}
	return applied, &layerError{desc.Digest, sealed(desc, err)}
}

// layerError tells which layer cannot be unpacked and why, without the folders
// that it was mounted on meanwhile.
type layerError struct {
	layer digest.Digest
	cause error
}

func (e *layerError) Unwrap() error { return e.cause }
func (e *layerError) Error() string {
	why := withoutKind(e.cause)
	if _, rest, ok := strings.Cut(why, "mount callback failed on "); ok {
		if dir, reason, ok := strings.Cut(rest, ": "); ok {
			why = strings.ReplaceAll(reason, dir, "")
		}
	}
	return fmt.Sprintf("layer %s cannot be unpacked: %s", e.layer, why)
}

// unwrapLayer takes the error of a layer out of those of the unpacker around it.
func unwrapLayer(err error) error {
	var layer *layerError
	if errors.As(err, &layer) && !errors.Is(err, context.Canceled) {
		return layer
	}
	return err
}

// firstOf is the first error that is not the echo of another's cancellation.
func firstOf(errs ...error) error {
	var cancelled error
	for _, err := range errs {
		if err == nil {
			continue
		}
		if !errors.Is(err, context.Canceled) {
			return err
		}
		cancelled = err
	}
	return cancelled
}
