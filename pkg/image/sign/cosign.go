// Package sign signs images and checks their signatures, as cosign and notation
// do, with keys that are here: nothing is asked but the registry of the image.
package sign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/image"
)

// What cosign calls the parts of its signatures.
const (
	cosignPayload   = "application/vnd.dev.cosign.simplesigning.v1+json"
	cosignSignature = "dev.cosignproject.cosign/signature"
	cosignType      = "cosign container image signature"
)

// maxSignatures bounds how many signatures of an image are looked at.
const maxSignatures = 100

// payload is the document that is signed, a "simple signing" claim.
type payload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest digest.Digest `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// cosignTag is the tag of an image's signatures.
func cosignTag(target digest.Digest) string {
	return target.Algorithm().String() + "-" + target.Encoded() + ".sig"
}

// CheckCosign takes an image for which the repository has a signature of the key's
// owner. Transparency logs are not asked.
func CheckCosign(key *PublicKey) image.Check {
	return func(ctx context.Context, repo *image.Repository, target ocispec.Descriptor) error {
		desc, err := repo.Resolve(ctx, cosignTag(target.Digest))
		if errdefs.IsNotFound(err) {
			return image.Errorf(errdefs.ErrPermissionDenied, "%s has no cosign signature in %s", target.Digest, repo.Name())
		}
		if err != nil {
			return err
		}
		var manifest ocispec.Manifest
		if err := fetchJSON(ctx, repo, desc, &manifest); err != nil {
			return fmt.Errorf("its cosign signatures: %w", err)
		}
		if len(manifest.Layers) > maxSignatures {
			return image.Errorf(errdefs.ErrInvalidArgument, "it has %d signatures, more than the %d that are looked at", len(manifest.Layers), maxSignatures)
		}
		var why []error
		for _, l := range manifest.Layers {
			err := checkPayload(ctx, repo, key, l, target.Digest)
			if err == nil {
				return nil
			}
			if errors.Is(err, context.Canceled) {
				return err
			}
			why = append(why, err)
		}
		if len(why) == 0 {
			why = append(why, errors.New("the list of them is empty"))
		}
		return image.Errorf(errdefs.ErrPermissionDenied, "no cosign signature of %s is valid: %v", target.Digest, why[len(why)-1])
	}
}

func checkPayload(ctx context.Context, repo *image.Repository, key *PublicKey, desc ocispec.Descriptor, target digest.Digest) error {
	if desc.MediaType != cosignPayload {
		return fmt.Errorf("a signature is of the unknown type %q", desc.MediaType)
	}
	signature, err := base64.StdEncoding.DecodeString(desc.Annotations[cosignSignature])
	if err != nil || len(signature) == 0 {
		return errors.New("a signature cannot be read")
	}
	data, err := repo.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	if !key.verify(data, signature) {
		return errors.New("it was made with another key")
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return errors.New("what was signed cannot be read")
	}
	if p.Critical.Type != cosignType {
		return fmt.Errorf("what was signed is a %q", p.Critical.Type)
	}
	if p.Critical.Image.Digest != target {
		return fmt.Errorf("it is about another image, %s", p.Critical.Image.Digest)
	}
	return nil
}

// AttachCosign signs an image with a key. Signatures that it has stay.
func AttachCosign(key *PrivateKey) image.Attach {
	return func(ctx context.Context, repo *image.Repository, target ocispec.Descriptor) error {
		var p payload
		p.Critical.Identity.Reference, p.Critical.Image.Digest, p.Critical.Type = repo.Name(), target.Digest, cosignType
		data, err := json.Marshal(p)
		if err != nil {
			return err
		}
		signature, err := key.sign(data)
		if err != nil {
			return err
		}
		layer := describe(cosignPayload, data)
		layer.Annotations = map[string]string{cosignSignature: base64.StdEncoding.EncodeToString(signature)}
		manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
		old, err := repo.Resolve(ctx, cosignTag(target.Digest))
		switch {
		case err == nil:
			err = fetchJSON(ctx, repo, old, &manifest)
		case errdefs.IsNotFound(err):
			err = nil
		}
		if err != nil {
			return fmt.Errorf("its earlier cosign signatures: %w", err)
		}
		manifest.Layers = append(manifest.Layers, layer)
		config, err := cosignConfig(manifest.Layers)
		if err != nil {
			return err
		}
		manifest.Config = describe(ocispec.MediaTypeImageConfig, config)
		document, err := json.Marshal(manifest)
		if err != nil {
			return err
		}
		return errors.Join(
			repo.Push(ctx, layer, data, ""),
			repo.Push(ctx, manifest.Config, config, ""),
			repo.Push(ctx, describe(ocispec.MediaTypeImageManifest, document), document, cosignTag(target.Digest)),
		)
	}
}

// cosignConfig is a configuration that makes the signatures look like an image,
// which is what registries of old want to see.
func cosignConfig(layers []ocispec.Descriptor) ([]byte, error) {
	var config ocispec.Image
	config.RootFS = ocispec.RootFS{Type: "layers"}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
	}
	return json.Marshal(config)
}

func describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func fetchJSON(ctx context.Context, repo *image.Repository, desc ocispec.Descriptor, v any) error {
	data, err := repo.Fetch(ctx, desc)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	return err
}
