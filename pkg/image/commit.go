package image

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
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
	// Compression of the new layer: gzip, zstd or uncompressed; empty: gzip.
	Compression string
	// Layer writes the changes as a tar. It is called once all else has been
	// checked. If it says that there are none, no layer is added.
	Layer func(w io.Writer) (empty bool, err error)
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
	base, err := s.base(ctx, opts)
	if err != nil {
		return "", err
	}
	if kinds == nil {
		kinds = ociTypes
		if base.Manifest.MediaType == images.MediaTypeDockerSchema2Manifest {
			kinds = dockerTypes
		}
	}
	caller := ctx
	ctx, done, err := s.leased(ctx, "commit")
	if err != nil {
		return "", err
	}
	defer func() { err = s.end(caller, done, err) }()
	target, err := s.commit(ctx, opts, base, kinds)
	if err != nil {
		return "", err
	}
	if err := s.settle(ctx, target, platforms.All, LoadOptions{}); err != nil {
		return "", err
	}
	_, err = s.publish(ctx, entry{name, target})
	return target.Digest, err
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

// commit stores the new layer, configuration and manifest.
func (s *Service) commit(ctx context.Context, opts CommitOptions, base *variant, kinds *documentTypes) (ocispec.Descriptor, error) {
	layer, diffID, err := s.commitLayer(ctx, opts, kinds)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	now := time.Now().UTC()
	config := base.Config
	config.Created, config.Author, config.Config = &now, opts.Author, opts.Config
	config.History = append(append([]ocispec.History(nil), config.History...), ocispec.History{
		Created: &now, CreatedBy: opts.Command, Author: opts.Author, Comment: opts.Message, EmptyLayer: layer == nil,
	})
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: kinds.manifest}
	for _, l := range base.Manifest.Layers {
		l.MediaType = kinds.layerLike(l.MediaType)
		manifest.Layers = append(manifest.Layers, l)
	}
	if layer != nil {
		manifest.Layers = append(manifest.Layers, *layer)
		config.RootFS.DiffIDs = append(append([]digest.Digest(nil), config.RootFS.DiffIDs...), diffID)
	}
	if manifest.Config, err = s.writeJSON(ctx, kinds.config, config, nil); err != nil {
		return ocispec.Descriptor{}, err
	}
	return s.writeJSON(ctx, kinds.manifest, manifest, &config.Platform)
}

// commitLayer stores the new layer; nil if it is empty.
func (s *Service) commitLayer(ctx context.Context, opts CommitOptions, kinds *documentTypes) (*ocispec.Descriptor, digest.Digest, error) {
	lease, _ := leases.FromContext(ctx)
	ref := lease + "-commit"
	store := s.client.Content()
	w, err := content.OpenWriter(ctx, store, content.WithRef(ref))
	if err != nil {
		return nil, "", err
	}
	defer w.Close()
	c, mediaType, err := compress(w, opts.Compression, kinds)
	if err != nil {
		return nil, "", err
	}
	plain := digest.Canonical.Digester()
	empty, err := opts.Layer(io.MultiWriter(c, plain.Hash()))
	if err := errors.Join(err, c.Close()); err != nil || empty {
		return nil, "", errors.Join(err, store.Abort(context.WithoutCancel(ctx), ref))
	}
	status, err := w.Status()
	if err != nil {
		return nil, "", err
	}
	desc := &ocispec.Descriptor{MediaType: mediaType, Digest: w.Digest(), Size: status.Offset}
	diffID := plain.Digest()
	err = w.Commit(ctx, desc.Size, desc.Digest, content.WithLabels(map[string]string{labels.LabelUncompressed: diffID.String()}))
	if errdefs.IsAlreadyExists(err) {
		err = nil
	}
	return desc, diffID, err
}

// documentTypes are the media types of one family of images.
type documentTypes struct {
	manifest, config  string
	layer, gzip, zstd string
}

var (
	ociTypes = &documentTypes{
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig,
		ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd,
	}
	dockerTypes = &documentTypes{
		images.MediaTypeDockerSchema2Manifest, images.MediaTypeDockerSchema2Config,
		images.MediaTypeDockerSchema2Layer, images.MediaTypeDockerSchema2LayerGzip, images.MediaTypeDockerSchema2LayerZstd,
	}
)

// mediaTypes is the family that a format names; nil for none.
func mediaTypes(format string) (*documentTypes, error) {
	switch format {
	case "":
		return nil, nil
	case "oci":
		return ociTypes, nil
	case "docker":
		return dockerTypes, nil
	}
	return nil, errorf(errdefs.ErrInvalidArgument, "invalid format %q: docker or oci is expected", format)
}

// layerLike is the family's name for a layer of the given type.
func (d *documentTypes) layerLike(mediaType string) string {
	for _, other := range []*documentTypes{ociTypes, dockerTypes} {
		switch mediaType {
		case other.layer:
			return d.layer
		case other.gzip:
			return d.gzip
		case other.zstd:
			return d.zstd
		}
	}
	return mediaType
}
