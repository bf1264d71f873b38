package image

import (
	"context"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/moby/api/types/events"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// CopyFrom takes an image over from another namespace, under a name, and unpacks
// it. Blobs are shared where containerd's namespaces share them, as they do unless
// it is configured otherwise; nothing is copied then.
func (s *Service) CopyFrom(ctx context.Context, from *Service, ref, name string) (err error) {
	named, err := parseNamed(name)
	if err != nil {
		return err
	}
	records, err := from.find(ctx, ref)
	if err != nil {
		return err
	}
	target := records[0].Target
	caller := ctx
	ctx, done, err := s.leased(ctx, "copy")
	if err != nil {
		return err
	}
	defer func() { err = s.end(caller, done, err) }()
	source := from.client.Content()
	there := from.client.Context(caller)
	check := guardAll()
	err = images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, err := check(ctx, desc); err != nil {
			return nil, err
		}
		err := s.copyBlob(ctx, desc, func() (content.ReaderAt, error) { return source.ReaderAt(there, desc) })
		if errdefs.IsNotFound(err) {
			return nil, images.ErrSkipDesc // of a platform that is not here
		}
		if err != nil {
			return nil, err
		}
		return images.Children(there, source, desc)
	}), target)
	if err != nil {
		return err
	}
	if err := s.settle(ctx, target, platforms.All, LoadOptions{}); err != nil {
		return err
	}
	loaded, err := s.publish(ctx, entry{storeName(named), target})
	if err == nil {
		s.emit(ctx, events.ActionTag, target.Digest.String(), loaded.Name, s.labels(ctx, target))
	}
	return err
}

// copyBlob copies a blob that open opens in another namespace. A store that has it
// for that one gives it to this one by its digest.
func (s *Service) copyBlob(ctx context.Context, desc ocispec.Descriptor, open func() (content.ReaderAt, error)) error {
	ra, err := open()
	if err != nil {
		return err
	}
	defer ra.Close()
	desc.Size = ra.Size()
	return content.WriteBlob(ctx, s.client.Content(), "copy-"+desc.Digest.String(), io.NewSectionReader(ra, 0, desc.Size), desc)
}
