package image

import (
	"context"
	"errors"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/compress"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// newLayer is a layer that has been written and is not yet kept, and the snapshot
// for it: whoever makes the layer can fill that too, which is cheaper than to
// unpack the layer afterwards.
type newLayer struct {
	Written
	desc   ocispec.Descriptor
	diffID digest.Digest

	parent []digest.Digest
	ref    string
	w      content.Writer
	snaps  snapshots.Snapshotter
	key    string // empty: no snapshot
	upper  string // an overlay's folder to be filled
	kept   bool
}

// writeLayer has a layer made.
func (s *Service) writeLayer(ctx context.Context, opts CommitOptions, base *variant, kinds *documentTypes) (_ *newLayer, err error) {
	lease, _ := leases.FromContext(ctx)
	l := &newLayer{parent: base.Config.RootFS.DiffIDs, ref: lease + "-commit", snaps: s.client.Snapshots("")}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close(ctx))
		}
	}()
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	if l.w, err = content.OpenWriter(ctx, s.client.Content(), content.WithRef(l.ref)); err != nil {
		return nil, err
	}
	c, mediaType, err := compressed(l.w, opts.Compression, kinds)
	if err != nil {
		return nil, err
	}
	plain := digest.Canonical.Digester()
	l.Written, err = opts.Layer(io.MultiWriter(c, plain.Hash()), l.upper)
	if err := errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	status, err := l.w.Status()
	if err != nil {
		return nil, err
	}
	l.desc = ocispec.Descriptor{MediaType: mediaType, Digest: l.w.Digest(), Size: status.Offset}
	l.diffID = plain.Digest()
	return l, nil
}

// compressed compresses a layer by the named method, and says what such a one is called.
func compressed(w io.Writer, method string, kinds *documentTypes) (io.WriteCloser, string, error) {
	c, err := compress.NewWriter(w, method)
	if errdefs.IsInvalidArgument(err) {
		return nil, "", errorf(errdefs.ErrInvalidArgument, "invalid compression %q: gzip, zstd or uncompressed is expected", method)
	}
	return c, map[string]string{compress.Gzip: kinds.gzip, compress.Zstd: kinds.zstd, compress.Uncompressed: kinds.layer}[method], err
}

// prepare makes a snapshot on top of the layers below, where it can be filled from
// here. Elsewhere the layer is unpacked in the end, like any other.
func (l *newLayer) prepare(ctx context.Context) error {
	if len(l.parent) == 0 {
		return nil
	}
	mounts, err := l.snaps.Prepare(ctx, l.ref, identity.ChainID(l.parent).String())
	if errdefs.IsNotFound(err) {
		return nil // the image is not unpacked here
	}
	if err != nil {
		return err
	}
	l.key = l.ref
	if len(mounts) == 1 && mounts[0].Type == "overlay" {
		l.upper = rootfs.ParseOverlay(mounts[0]).Upper
	}
	return nil
}

// diffIDs are those of all layers.
func (l *newLayer) diffIDs() []digest.Digest {
	return append(append([]digest.Digest(nil), l.parent...), l.diffID)
}

// ready tells that the snapshot of the new image's last layer is there.
func (l *newLayer) ready() bool { return l.upper != "" && (l.Filled || l.Empty) }

// commit keeps the layer and its snapshot.
func (l *newLayer) commit(ctx context.Context) error {
	if l.Empty {
		return nil
	}
	var g errgroup.Group
	g.Go(func() error {
		err := l.w.Commit(ctx, l.desc.Size, l.desc.Digest, content.WithLabels(map[string]string{labels.LabelUncompressed: l.diffID.String()}))
		if errdefs.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
	if l.Filled {
		g.Go(func() error {
			err := l.snaps.Commit(ctx, identity.ChainID(l.diffIDs()).String(), l.key)
			if errdefs.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
	}
	err := g.Wait()
	l.kept = err == nil
	return err
}

// close gives up what was not kept.
func (l *newLayer) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	if l.w != nil {
		errs = append(errs, l.w.Close()) // what was not kept goes with the lease
	}
	if l.key != "" && (!l.kept || !l.Filled) {
		errs = append(errs, ignoreNotFound(l.snaps.Remove(ctx, l.key)))
	}
	return errors.Join(errs...)
}

func ignoreNotFound(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
