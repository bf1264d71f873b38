package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/compress"
)

// ImportOptions says what image Import makes.
type ImportOptions struct {
	Name     string            // reference; empty: the image has only an id
	Changes  []string          // Dockerfile instructions applied to the configuration
	Message  string            // comment of the only history entry
	Platform *ocispec.Platform // nil: this machine's
	Progress func(Event)
}

// Import makes an image of one layer from a root file system in a tar, plain or
// compressed, as `docker import` does. The stream is read once; a failure leaves
// nothing.
func (s *Service) Import(ctx context.Context, r io.Reader, opts ImportOptions) (id digest.Digest, err error) {
	name := ""
	if opts.Name != "" {
		named, err := parseNamed(opts.Name)
		if err != nil {
			return "", err
		}
		name = storeName(named)
	}
	config := dockerspec.DockerOCIImage{}
	if err := applyChanges(&config.Config, opts.Changes); err != nil {
		return "", err
	}
	caller := ctx
	ctx, done, err := s.leased(ctx, "import")
	if err != nil {
		return "", err
	}
	defer func() { err = s.end(caller, done, err) }()

	layer, diffID, err := s.importLayer(ctx, r)
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	config.Created = &now
	config.Platform = platforms.Normalize(platforms.DefaultSpec())
	if opts.Platform != nil {
		config.Platform = platforms.Normalize(*opts.Platform)
	}
	message := opts.Message
	if message == "" {
		message = "Imported from -"
	}
	config.History = []ocispec.History{{Created: &now, Comment: message}}
	config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}
	target, err := s.writeImage(ctx, config, layer)
	if err != nil {
		return "", err
	}
	if err := s.settle(ctx, target, platforms.All, LoadOptions{Progress: opts.Progress}); err != nil {
		return "", err
	}
	loaded, err := s.publish(ctx, entry{name, target})
	if err == nil && loaded.Name != "" {
		s.emit(ctx, events.ActionTag, target.Digest.String(), loaded.Name, config.Config.Labels)
	}
	if err == nil {
		s.emitByID(ctx, events.ActionImport, target.Digest, config.Config.Labels)
	}
	return target.Digest, err
}

// importLayer stores the root file system as a layer, compressed the way it
// came, and gives the digest of the plain tar.
func (s *Service) importLayer(ctx context.Context, r io.Reader) (layer ocispec.Descriptor, diffID digest.Digest, err error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	kind, err := compress.Detect(buffered)
	if err != nil {
		return layer, "", err
	}
	stored := io.Reader(buffered)
	switch kind {
	case compress.Gzip:
		layer.MediaType = ocispec.MediaTypeImageLayerGzip
	case compress.Zstd:
		layer.MediaType = ocispec.MediaTypeImageLayerZstd
	default: // what no layer may be compressed with is stored plain
		plainStream, err := compress.NewReader(buffered)
		if err != nil {
			return layer, "", importError(err)
		}
		defer plainStream.Close()
		stored, layer.MediaType = plainStream, ocispec.MediaTypeImageLayer
	}
	lease, _ := leases.FromContext(ctx)
	store := s.client.Content()
	w, err := content.OpenWriter(ctx, store, content.WithRef(lease+"-import"))
	if err != nil {
		return layer, "", err
	}
	defer w.Close()
	diffID, err = copyLayer(w, stored)
	if err != nil {
		return layer, "", importError(err)
	}
	status, err := w.Status()
	if err != nil {
		return layer, "", err
	}
	layer.Digest, layer.Size = w.Digest(), status.Offset
	err = w.Commit(ctx, layer.Size, layer.Digest, content.WithLabels(map[string]string{labels.LabelUncompressed: diffID.String()}))
	if errdefs.IsAlreadyExists(err) {
		err = nil
	}
	return layer, diffID, err
}

// copyLayer copies a layer to w as it is, and on the way checks that it is a tar
// and computes the digest of its plain bytes.
func copyLayer(w io.Writer, stored io.Reader) (digest.Digest, error) {
	all := io.TeeReader(stored, w)
	plainStream, err := compress.NewReader(all)
	if err != nil {
		return "", err
	}
	defer plainStream.Close()
	sum := digest.Canonical.Digester()
	hashed := io.TeeReader(plainStream, sum.Hash())
	entries := tar.NewReader(hashed)
	count := 0
	for {
		_, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		count++
	}
	if count == 0 {
		return "", errors.New("it is empty or no tar")
	}
	if _, err := io.Copy(io.Discard, hashed); err != nil {
		return "", err
	}
	// What follows the compressed stream belongs to the blob as well.
	_, err = io.Copy(io.Discard, all)
	return sum.Digest(), err
}

func importError(err error) error {
	if errors.Is(err, context.Canceled) || errdefs.IsUnavailable(err) {
		return err
	}
	return errorf(errdefs.ErrInvalidArgument, "the root file system archive cannot be imported: %s", withoutKind(err))
}

// writeImage stores a configuration and the manifest of its only layer.
func (s *Service) writeImage(ctx context.Context, config dockerspec.DockerOCIImage, layer ocispec.Descriptor) (ocispec.Descriptor, error) {
	configDesc, err := s.writeJSON(ctx, ocispec.MediaTypeImageConfig, config, nil)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: configDesc, Layers: []ocispec.Descriptor{layer},
	}
	return s.writeJSON(ctx, ocispec.MediaTypeImageManifest, manifest, &config.Platform)
}

func (s *Service) writeJSON(ctx context.Context, mediaType string, doc any, platform *ocispec.Platform) (ocispec.Descriptor, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data)), Platform: platform}
	return desc, content.WriteBlob(ctx, s.client.Content(), "document-"+desc.Digest.String(), bytes.NewReader(data), desc)
}
