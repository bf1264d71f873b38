package image

import (
	"context"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Native is an image as containerd keeps it: its record, and the documents that
// lead from there to the configuration of one platform, each with the descriptor
// that it was found by.
type Native struct {
	Image           NativeRecord
	IndexDesc       *ocispec.Descriptor `json:",omitempty"`
	Index           *ocispec.Index      `json:",omitempty"`
	ManifestDesc    ocispec.Descriptor
	Manifest        ocispec.Manifest
	ImageConfigDesc ocispec.Descriptor
	ImageConfig     dockerspec.DockerOCIImage
}

// NativeRecord is the record of an image's name.
type NativeRecord struct {
	Name                 string
	Labels               map[string]string
	Target               ocispec.Descriptor
	CreatedAt, UpdatedAt time.Time
}

// InspectNative gives what containerd knows of an image. A nil platform is this
// machine's.
func (s *Service) InspectNative(ctx context.Context, ref string, want *ocispec.Platform) (*Native, error) {
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	ctx = s.client.Context(ctx)
	r := records[0]
	out := &Native{Image: NativeRecord{r.Name, r.Labels, r.Target, r.CreatedAt, r.UpdatedAt}}
	if images.IsIndexType(r.Target.MediaType) {
		out.IndexDesc, out.Index = &r.Target, &ocispec.Index{}
		if err := readJSON(ctx, s.client.Content(), r.Target, out.Index); err != nil {
			return nil, err
		}
	}
	all, err := variants(ctx, s.client.Content(), r.Target)
	if err != nil {
		return nil, err
	}
	v := choose(all, want)
	if v == nil {
		return nil, noVariant(r.Target, all, want)
	}
	out.ManifestDesc, out.Manifest = v.Desc, v.Manifest
	out.ImageConfigDesc, out.ImageConfig = v.Manifest.Config, v.Config
	return out, nil
}
