package image

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// rewriter makes new manifests of old ones. A layer that several have is made once.
type rewriter struct {
	s      *Service
	opts   RewriteOptions
	slots  *semaphore.Weighted
	mu     sync.Mutex
	layers map[[2]digest.Digest]func() (Layer, error) // by blob and diff id
}

func newRewriter(s *Service, opts RewriteOptions) *rewriter {
	if opts.Layer == nil {
		opts.Layer = func(_ context.Context, _ content.Store, l Layer) (Layer, error) { return l, nil }
	}
	return &rewriter{s: s, opts: opts, slots: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), layers: map[[2]digest.Digest]func() (Layer, error){}}
}

// manifest makes the new manifest of one platform, with its configuration.
func (r *rewriter) manifest(ctx context.Context, v variant) (ocispec.Descriptor, error) {
	layers := make([]Layer, len(v.Manifest.Layers))
	g, gctx := errgroup.WithContext(ctx)
	for i, desc := range v.Manifest.Layers {
		old := Layer{Desc: desc, DiffID: v.Config.RootFS.DiffIDs[i]}
		if images.IsNonDistributable(desc.MediaType) {
			layers[i] = old
			continue
		}
		g.Go(func() (err error) {
			layers[i], err = r.layer(gctx, old)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return ocispec.Descriptor{}, err
	}
	kinds := dockerTypes
	isOCI := func(l Layer) bool { return !images.IsDockerType(l.Desc.MediaType) }
	if r.opts.OCI || v.Manifest.MediaType != images.MediaTypeDockerSchema2Manifest || slices.ContainsFunc(layers, isOCI) {
		kinds = ociTypes
	}
	manifest := v.Manifest
	manifest.MediaType, manifest.Layers = kinds.manifest, nil
	diffIDs := make([]digest.Digest, len(layers))
	for i, l := range layers {
		l.Desc.MediaType = kinds.layerLike(l.Desc.MediaType)
		manifest.Layers, diffIDs[i] = append(manifest.Layers, l.Desc), l.DiffID
	}
	platform := v.Desc.Platform
	if platform == nil {
		platform = &v.Platform
	}
	platform = withFeature(*platform, r.opts.OSFeature)
	config, err := r.config(ctx, v, diffIDs, platform.OSFeatures)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest.Config = config
	manifest.Config.MediaType = kinds.config
	return r.s.writeJSON(ctx, kinds.manifest, manifest, platform)
}

func withFeature(p ocispec.Platform, feature string) *ocispec.Platform {
	if feature != "" && !slices.Contains(p.OSFeatures, feature) {
		p.OSFeatures = append(slices.Clone(p.OSFeatures), feature)
	}
	return &p
}

// layer makes one layer, or waits for whoever is making it.
func (r *rewriter) layer(ctx context.Context, old Layer) (Layer, error) {
	key := [2]digest.Digest{old.Desc.Digest, old.DiffID}
	r.mu.Lock()
	once, ok := r.layers[key]
	if !ok {
		once = sync.OnceValues(func() (Layer, error) { return r.makeLayer(ctx, old) })
		r.layers[key] = once
	}
	r.mu.Unlock()
	made, err := once()
	if err != nil {
		return Layer{}, fmt.Errorf("layer %s: %w", old.Desc.Digest, err)
	}
	return made, nil
}

func (r *rewriter) makeLayer(ctx context.Context, old Layer) (Layer, error) {
	if err := r.slots.Acquire(ctx, 1); err != nil {
		return Layer{}, err
	}
	defer r.slots.Release(1)
	report := reporter(r.opts.Progress)
	report.layer(old.Desc, Converting, 0)
	made, err := r.opts.Layer(ctx, r.s.client.Content(), old)
	if err == nil {
		report.layer(old.Desc, Converted, old.Desc.Size)
	}
	return made, err
}

// config is the old configuration with the new layers' names. All that is not
// understood in it stays.
func (r *rewriter) config(ctx context.Context, v variant, diffIDs []digest.Digest, features []string) (ocispec.Descriptor, error) {
	desc := v.Manifest.Config
	if slices.Equal(diffIDs, v.Config.RootFS.DiffIDs) && r.opts.OSFeature == "" {
		return desc, nil
	}
	var doc map[string]json.RawMessage
	if err := readJSON(ctx, r.s.client.Content(), desc, &doc); err != nil {
		return desc, err
	}
	// Long gone builders noted here what the layers were; it would be wrong now.
	maps.DeleteFunc(doc, func(key string, _ json.RawMessage) bool {
		return strings.EqualFold(key, "rootfs") || key == "container_config" || r.opts.OSFeature != "" && strings.EqualFold(key, "os.features")
	})
	if err := put(doc, "rootfs", ocispec.RootFS{Type: "layers", DiffIDs: diffIDs}); err != nil {
		return desc, err
	}
	if r.opts.OSFeature != "" {
		if err := put(doc, "os.features", features); err != nil {
			return desc, err
		}
	}
	made, err := r.s.writeJSON(ctx, desc.MediaType, doc, nil)
	made.Annotations = desc.Annotations
	return made, err
}

func put(doc map[string]json.RawMessage, key string, v any) error {
	data, err := json.Marshal(v)
	doc[key] = data
	return err
}
