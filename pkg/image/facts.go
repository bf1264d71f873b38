package image

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/state"
)

// factsVersion changes when the meaning of facts does; others are read anew.
const factsVersion = 1

// facts are what follows from a target's content for one platform. They are
// cached by digest, so they can be out of date only in what is here: sizes and
// the choice of platform. Pull, Load and Remove forget them.
type facts struct {
	Version  int
	Manifest ocispec.Descriptor
	ConfigID digest.Digest
	Config   dockerspec.DockerOCIImage
	Layers   []ocispec.Descriptor
	ChainID  string
	Platform ocispec.Platform
	// ContentSize is how many bytes of the target, all platforms, are in the
	// content store; -1 until it is asked for.
	ContentSize int64
	// Unpacked is how many bytes the layers take in a snapshotter, for each in
	// which they are unpacked.
	Unpacked map[string]int64
}

// factsFile is where facts are cached. Digests of hostile images cannot leave
// the folder: only validated digests come here, and they have no slash.
func (s *Service) factsFile(target digest.Digest, want *ocispec.Platform) string {
	name := target.Algorithm().String() + "-" + target.Encoded()
	if want != nil {
		name += "." + strings.NewReplacer("/", "-", string(filepath.Separator), "-").Replace(platforms.FormatAll(platforms.Normalize(*want)))
	}
	return filepath.Join(s.layout.ImageCache(), name+".json")
}

// facts gives the facts of a target, from the cache if they are there.
func (s *Service) facts(ctx context.Context, target ocispec.Descriptor, want *ocispec.Platform) (*facts, error) {
	if err := target.Digest.Validate(); err != nil {
		return nil, err
	}
	file := s.factsFile(target.Digest, want)
	f := &facts{}
	if err := state.ReadJSON(file, f); err == nil && f.Version == factsVersion {
		return f, nil
	}
	f, err := s.readFacts(ctx, target, want)
	if err != nil {
		return nil, err
	}
	s.saveFacts(target.Digest, want, f)
	return f, nil
}

// saveFacts writes the cache. That it cannot be written is no failure of the
// command: the next one reads the content again.
func (s *Service) saveFacts(target digest.Digest, want *ocispec.Platform, f *facts) {
	_ = state.WriteJSON(s.factsFile(target, want), f)
}

func (s *Service) readFacts(ctx context.Context, target ocispec.Descriptor, want *ocispec.Platform) (*facts, error) {
	ctx = s.client.Context(ctx)
	all, err := variants(ctx, s.client.Content(), target)
	if err != nil {
		return nil, err
	}
	v := choose(all, want)
	if v == nil {
		return nil, noVariant(target, all, want)
	}
	f := &facts{
		Version: factsVersion, Manifest: v.Desc, ConfigID: v.Manifest.Config.Digest, Config: v.Config,
		Layers: v.Manifest.Layers, Platform: v.Platform, ContentSize: -1, Unpacked: map[string]int64{},
	}
	if len(v.Config.RootFS.DiffIDs) > 0 {
		f.ChainID = identity.ChainID(v.Config.RootFS.DiffIDs).String()
	}
	return f, nil
}

// noVariant says which platforms are here instead of the one asked for.
func noVariant(target ocispec.Descriptor, all []variant, want *ocispec.Platform) error {
	if want == nil || len(all) == 0 {
		return errorf(errdefs.ErrNotFound, "image %s has no content here for any platform: pull it again", target.Digest)
	}
	var here []string
	for _, v := range all {
		here = append(here, platforms.Format(v.Platform))
	}
	return errorf(errdefs.ErrNotFound, "image %s was found but not for the platform %s (it is here for %s)",
		target.Digest, platforms.Format(*want), strings.Join(here, ", "))
}

// forget drops the cached facts of a target, for all platforms.
func (s *Service) forget(target digest.Digest) {
	if target.Validate() != nil {
		return
	}
	files, err := filepath.Glob(filepath.Join(s.layout.ImageCache(), target.Algorithm().String()+"-"+target.Encoded()+"*.json"))
	if err != nil {
		return
	}
	for _, f := range files {
		_ = os.Remove(f) // a cache: what stays is only a little out of date
	}
}

func (f *facts) image(name string, target ocispec.Descriptor) *Image {
	return &Image{
		Name: name, Target: target, ManifestDigest: f.Manifest.Digest, ConfigDigest: f.ConfigID,
		Config: f.Config, ChainID: f.ChainID, Platform: f.Platform,
	}
}
