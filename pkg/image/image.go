// Package image keeps images: it finds, pulls, loads, saves, makes, names, lists
// and removes them. The truth is containerd's image and content store; what can
// be derived from content by its digest is cached in files that may be deleted
// at any time.
package image

import (
	"context"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Image is a local image, seen for one platform.
type Image struct {
	// Name is the full reference, docker.io/library/busybox:latest. It is empty
	// when the image was found by its id and has no name.
	Name string
	// Target is what the name points at: an index or a manifest.
	Target ocispec.Descriptor
	// ManifestDigest is the manifest of Platform.
	ManifestDigest digest.Digest
	// ConfigDigest is the configuration of Platform.
	ConfigDigest digest.Digest
	// Config is the image's configuration. It comes from whoever made the image
	// and is not to be trusted.
	Config dockerspec.DockerOCIImage
	// ChainID names the snapshot of the last layer; empty for an image without
	// layers.
	ChainID string
	// Platform the image was made for.
	Platform ocispec.Platform
}

// ID is what Docker calls the image's id: since Docker 29 the digest of the
// target, which is the same on every machine that has the image.
func (i *Image) ID() string { return i.Target.Digest.String() }

// Service is the images of one containerd namespace. It is safe for concurrent use.
type Service struct {
	client   *ctrd.Client
	layout   state.Layout
	resolver *registry.Resolver
	inUse    func(context.Context) (Uses, error)
	events   event.Sink
}

// New makes a Service. The resolver may be nil where nothing is pulled.
func New(client *ctrd.Client, layout state.Layout, resolver *registry.Resolver) *Service {
	return &Service{client: client, layout: layout, resolver: resolver}
}

// SetEvents tells the service whom to tell what happens. Without it nobody is.
func (s *Service) SetEvents(sink event.Sink) { s.events = sink }
