package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// CommitOptions says what image Commit makes of a container.
type CommitOptions struct {
	Image    digest.Digest     // what the container was made of
	Platform *ocispec.Platform // of the container; nil: this machine's
	Name     string            // reference; empty: the image has only an id
	Config   dockerspec.DockerOCIImageConfig
	Changes  []string // Dockerfile instructions applied to Config
	Author   string
	Message  string // comment of the new history entry
	Command  string // what the history says that made the layer
	Format   string // of the manifest: docker, oci, or empty for that of the base
	// Compression of the new layer: gzip, zstd or uncompressed; empty: zstd, but
	// gzip in Docker's format, which has no other.
	Compression string
	// Layer writes the changes as a tar, once all else has been checked. Upper, if
	// not empty, is the upper folder of an overlay that it may fill with them.
	Layer func(w io.Writer, upper string) (Written, error)
}

// Written is what the function made that writes a layer.
type Written struct {
	Empty  bool // there were no changes: no layer is added
	Filled bool // the upper folder has the same files
}

// Commit makes an image of another by adding a layer, and gives it a name. A
// failure leaves nothing.
func (s *Service) Commit(ctx context.Context, opts CommitOptions) (id digest.Digest, err error) {
	name := ""
	if opts.Name != "" {
		named, err := parseNamed(opts.Name)
		if err != nil {
			return "", err
		}
		name = storeName(named)
	}
	if err := applyChanges(&opts.Config, opts.Changes); err != nil {
		return "", err
	}
	kinds, err := mediaTypes(opts.Format)
	if err != nil {
		return "", err
	}
	if kinds == dockerTypes && opts.Compression == "zstd" {
		return "", errorf(errdefs.ErrInvalidArgument, "images in Docker's format have no layers in zstd: use --format oci, or --compression gzip")
	}
	base, err := s.base(ctx, opts)
	if err != nil {
		return "", err
	}
	if opts.Compression == "" {
		opts.Compression = "zstd"
		if kinds == dockerTypes {
			opts.Compression = "gzip"
		}
	}
	if kinds == nil {
		kinds = ociTypes
		if base.Manifest.MediaType == images.MediaTypeDockerSchema2Manifest && opts.Compression != "zstd" {
			kinds = dockerTypes
		}
	}
	caller := ctx
	ctx, done, err := s.leased(ctx, "commit")
	if err != nil {
		return "", err
	}
	defer func() { err = s.end(caller, done, err) }()
	target, ready, err := s.commit(ctx, opts, base, kinds)
	if err != nil {
		return "", err
	}
	if err := s.settleCommitted(ctx, target, ready); err != nil {
		return "", err
	}
	made, err := s.publish(ctx, entry{name, target})
	if err == nil && made.Name != "" {
		s.emit(ctx, events.ActionTag, target.Digest.String(), made.Name, s.labels(ctx, target))
	}
	return target.Digest, err
}

// settleCommitted is settle for an image of which all may be done already.
func (s *Service) settleCommitted(ctx context.Context, target ocispec.Descriptor, ready bool) error {
	if !ready {
		return s.settle(ctx, target, platforms.All, LoadOptions{})
	}
	s.forget(target.Digest)
	f, err := s.readFacts(ctx, target, nil)
	if err != nil {
		return err
	}
	s.saveFacts(target.Digest, nil, f)
	return nil
}

// base finds the image that is added to, with all its layers: a part of an image
// could be neither saved nor pushed.
func (s *Service) base(ctx context.Context, opts CommitOptions) (*variant, error) {
	lost := func() error {
		return errorf(errdefs.ErrNotFound, "the image of the container is no longer here (%s): pull it again", opts.Image)
	}
	ctx = s.client.Context(ctx)
	store := s.client.Content()
	info, err := store.Info(ctx, opts.Image)
	if errdefs.IsNotFound(err) {
		return nil, lost()
	}
	if err != nil {
		return nil, err
	}
	// An image that is committed has a manifest of one of two kinds, or an index.
	var probe struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	desc := ocispec.Descriptor{Digest: opts.Image, Size: info.Size}
	if err := readJSON(ctx, store, desc, &probe); err != nil {
		return nil, err
	}
	desc.MediaType = ocispec.MediaTypeImageManifest
	if len(probe.Manifests) > 0 {
		desc.MediaType = ocispec.MediaTypeImageIndex
	}
	all, err := variants(ctx, store, desc)
	if err != nil {
		return nil, err
	}
	found := choose(all, opts.Platform)
	if found == nil {
		return nil, lost()
	}
	missing, err := s.missing(ctx, *found)
	if err != nil {
		return nil, err
	}
	if missing != "" {
		return nil, errorf(errdefs.ErrNotFound, "the image of the container (%s) lacks the layer %s here: pull it again", opts.Image, missing)
	}
	return found, nil
}

// commit stores the new layer, configuration and manifest, all at once: that they
// reach the disk is what takes time. ready tells that nothing is left to unpack.
func (s *Service) commit(ctx context.Context, opts CommitOptions, base *variant, kinds *documentTypes) (target ocispec.Descriptor, ready bool, err error) {
	layer, err := s.writeLayer(ctx, opts, base, kinds)
	if err != nil {
		return target, false, err
	}
	defer func() { err = errors.Join(err, layer.close(ctx)) }()
	now := time.Now().UTC()
	config := base.Config
	config.Created, config.Author, config.Config = &now, opts.Author, opts.Config
	config.History = append(append([]ocispec.History(nil), config.History...), ocispec.History{
		Created: &now, CreatedBy: opts.Command, Author: opts.Author, Comment: opts.Message, EmptyLayer: layer.Empty,
	})
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: kinds.manifest}
	for _, l := range base.Manifest.Layers {
		l.MediaType = kinds.layerLike(l.MediaType)
		manifest.Layers = append(manifest.Layers, l)
	}
	if !layer.Empty {
		manifest.Layers = append(manifest.Layers, layer.desc)
		config.RootFS.DiffIDs = layer.diffIDs()
	}
	configDoc, err := newDocument(kinds.config, config)
	if err != nil {
		return target, false, err
	}
	configDoc.labels = map[string]string{
		"containerd.io/gc.ref.snapshot." + s.client.SnapshotterName(): identity.ChainID(config.RootFS.DiffIDs).String(),
	}
	manifest.Config = configDoc.desc
	manifestDoc, err := newDocument(kinds.manifest, manifest)
	if err != nil {
		return target, false, err
	}
	manifestDoc.labels = childLabels(manifest)
	manifestDoc.desc.Platform = &config.Platform
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return layer.commit(gctx) })
	g.Go(func() error { return s.store(gctx, configDoc) })
	g.Go(func() error { return s.store(gctx, manifestDoc) })
	return manifestDoc.desc, layer.ready(), g.Wait()
}

// document is a JSON document of an image that is to be stored.
type document struct {
	desc   ocispec.Descriptor
	data   []byte
	labels map[string]string
}

func newDocument(mediaType string, v any) (*document, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &document{desc: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data: data}, nil
}

func (s *Service) store(ctx context.Context, d *document) error {
	return content.WriteBlob(ctx, s.client.Content(), "document-"+d.desc.Digest.String(), bytes.NewReader(d.data), d.desc, content.WithLabels(d.labels))
}

// childLabels make garbage collection keep what a manifest names.
func childLabels(m ocispec.Manifest) map[string]string {
	out := map[string]string{"containerd.io/gc.ref.content.config": m.Config.Digest.String()}
	for i, l := range m.Layers {
		out["containerd.io/gc.ref.content.l."+strconv.Itoa(i)] = l.Digest.String()
	}
	return out
}
