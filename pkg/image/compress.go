package image

import (
	"context"
	"io"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/containerd/errdefs"
	"github.com/klauspost/compress/gzip"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// Labels of content that a builder has made.
const (
	// labelBuilt marks a manifest whose layers are plain tars only because
	// compressing them would have been a waste as long as they stay here.
	labelBuilt = "nerd/built"
	// labelPacked names the compressed layer on the plain one, and has containerd
	// keep it as long.
	labelPacked = "containerd.io/gc.ref.content.packed"
)

// packed is what is sent of an image that was built here: the same image with
// compressed layers. Any other image is sent as it is, and so is an index, whose
// attestations speak of the manifests that it has.
func (s *Service) packed(ctx context.Context, target ocispec.Descriptor) (ocispec.Descriptor, error) {
	store := s.client.Content()
	info, err := store.Info(ctx, target.Digest)
	if err != nil || info.Labels[labelBuilt] == "" || target.MediaType != ocispec.MediaTypeImageManifest {
		return target, err
	}
	var manifest ocispec.Manifest
	if err := readJSON(ctx, store, target, &manifest); err != nil {
		return target, err
	}
	plain := func(d ocispec.Descriptor) bool { return d.MediaType == ocispec.MediaTypeImageLayer }
	if !slices.ContainsFunc(manifest.Layers, plain) {
		return target, nil
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, layer := range manifest.Layers {
		if plain(layer) {
			g.Go(func() (err error) {
				manifest.Layers[i], err = packLayer(gctx, store, layer)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return target, err
	}
	made, err := s.writeJSON(ctx, manifest.MediaType, manifest, target.Platform)
	made.Annotations = target.Annotations
	return made, err
}

// packLayer compresses a layer, unless that has been done before.
func packLayer(ctx context.Context, store content.Store, layer ocispec.Descriptor) (ocispec.Descriptor, error) {
	made := layer
	made.MediaType = ocispec.MediaTypeImageLayerGzip
	info, err := store.Info(ctx, layer.Digest)
	if err != nil {
		return layer, err
	}
	if old, err := store.Info(ctx, digest.Digest(info.Labels[labelPacked])); err == nil {
		made.Digest, made.Size = old.Digest, old.Size
		return made, nil
	}
	blob, err := store.ReaderAt(ctx, layer)
	if err != nil {
		return layer, err
	}
	defer blob.Close()
	w, err := content.OpenWriter(ctx, store, content.WithRef("pack-"+layer.Digest.String()))
	if err != nil {
		return layer, err
	}
	defer w.Close()
	if err := w.Truncate(0); err != nil { // a command that was killed may have left a part
		return layer, err
	}
	z := gzip.NewWriter(w)
	if _, err := io.Copy(z, content.NewReader(blob)); err != nil {
		return layer, err
	}
	if err := z.Close(); err != nil {
		return layer, err
	}
	st, err := w.Status()
	if err != nil {
		return layer, err
	}
	err = w.Commit(ctx, st.Offset, "", content.WithLabels(map[string]string{labels.LabelUncompressed: layer.Digest.String()}))
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return layer, err
	}
	made.Digest, made.Size = w.Digest(), st.Offset
	_, err = store.Update(ctx, content.Info{Digest: layer.Digest, Labels: map[string]string{labelPacked: made.Digest.String()}}, "labels."+labelPacked)
	return made, err
}

// markBuilt notes that a builder has made an image.
func (s *Service) markBuilt(ctx context.Context, desc ocispec.Descriptor) error {
	if !images.IsManifestType(desc.MediaType) {
		return nil
	}
	_, err := s.client.Content().Update(ctx, content.Info{Digest: desc.Digest, Labels: map[string]string{labelBuilt: "true"}}, "labels."+labelBuilt)
	return err
}
