package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/image"
)

// CheckNotation takes an image that the trust policy in notation's configuration
// folder lets pass: for most levels, one for which the repository has a signature
// whose certificate leads to the policy's trust store.
func CheckNotation(configDir string) (image.Check, error) {
	policy, err := readPolicy(configDir)
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(policy, truststore.NewX509TrustStore(dir.NewSysFS(configDir)), nil)
	if err != nil {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "notation's trust policy in %s: %v", configDir, err)
	}
	return func(ctx context.Context, repo *image.Repository, target ocispec.Descriptor) error {
		_, _, err := notation.Verify(ctx, v, &signatures{repo, target}, notation.VerifyOptions{
			ArtifactReference: repo.Name() + "@" + target.Digest.String(), MaxSignatureAttempts: maxSignatures,
		})
		if err == nil || errors.Is(err, context.Canceled) {
			return err
		}
		var none notation.NoApplicableTrustPolicyError
		if errors.As(err, &none) {
			return errs.WithHint(image.Errorf(errdefs.ErrPermissionDenied, "no trust policy of notation's is about %s", repo.Name()), "add one to trustpolicy.json in %s", configDir)
		}
		return image.Errorf(errdefs.ErrPermissionDenied, "notation: %s", oneLine(err))
	}, nil
}

// readPolicy reads the trust policy for images, under its newer name or the older.
func readPolicy(configDir string) (*trustpolicy.Document, error) {
	for _, name := range []string{"trustpolicy.oci.json", "trustpolicy.json"} {
		file := filepath.Join(configDir, name)
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var policy trustpolicy.Document
		if err := json.Unmarshal(data, &policy); err != nil {
			return nil, image.Errorf(errdefs.ErrInvalidArgument, "%s: %v", file, err)
		}
		return &policy, nil
	}
	return nil, image.Errorf(errdefs.ErrNotFound, "notation has no trust policy: %s is not there", filepath.Join(configDir, "trustpolicy.json"))
}

// signingKeys is notation's list of keys, signingkeys.json.
type signingKeys struct {
	Default *string `json:"default"`
	Keys    []struct {
		Name     string `json:"name"`
		KeyPath  string `json:"keyPath"`
		CertPath string `json:"certPath"`
		Plugin   string `json:"pluginName"`
	} `json:"keys"`
}

// AttachNotation signs an image with a key from notation's configuration folder, by
// its name; empty: the default one.
func AttachNotation(configDir, name string) (image.Attach, error) {
	file := filepath.Join(configDir, "signingkeys.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("notation's keys: %w", err)
	}
	var keys signingKeys
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "%s: %v", file, err)
	}
	if name == "" && keys.Default != nil {
		name = *keys.Default
	}
	if name == "" {
		return nil, errs.WithHint(image.Errorf(errdefs.ErrNotFound, "notation has no default key in %s", file), "name one with --notation-key-name")
	}
	for _, k := range keys.Keys {
		if k.Name != name {
			continue
		}
		if k.Plugin != "" || k.KeyPath == "" {
			return nil, image.Errorf(errdefs.ErrNotImplemented, "notation's key %s is kept by the plugin %s: only keys in files can be used", name, k.Plugin)
		}
		s, err := signer.NewGenericSignerFromFiles(k.KeyPath, k.CertPath)
		if err != nil {
			return nil, fmt.Errorf("notation's key %s: %w", name, err)
		}
		return attachNotation(s), nil
	}
	return nil, image.Errorf(errdefs.ErrNotFound, "notation has no key %s in %s", name, file)
}

func attachNotation(s notation.Signer) image.Attach {
	return func(ctx context.Context, repo *image.Repository, target ocispec.Descriptor) error {
		_, err := notation.Sign(ctx, s, &signatures{repo, target}, notation.SignOptions{
			SignerSignOptions: notation.SignerSignOptions{SignatureMediaType: jws.MediaTypeEnvelope, SigningAgent: "nerd"},
			ArtifactReference: repo.Name() + "@" + target.Digest.String(),
		})
		if err != nil {
			return fmt.Errorf("notation: %s", oneLine(err))
		}
		return nil
	}
}

// oneLine joins the lines of the library's errors.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), ": ")
}

// signatureType is what notation's manifests are called among others that are
// about an image.
const signatureType = "application/vnd.cncf.notary.signature"

// signatures are an image's, in its repository, as notation asks for them.
type signatures struct {
	repo   *image.Repository
	target ocispec.Descriptor
}

// Resolve gives the image that is meant: no other is ever asked for.
func (s *signatures) Resolve(context.Context, string) (ocispec.Descriptor, error) {
	return ocispec.Descriptor{MediaType: s.target.MediaType, Digest: s.target.Digest, Size: s.target.Size}, nil
}

// ListSignatures passes all manifests of signatures to fn.
func (s *signatures) ListSignatures(ctx context.Context, desc ocispec.Descriptor, fn func([]ocispec.Descriptor) error) error {
	found, err := s.repo.Referrers(ctx, desc.Digest, signatureType)
	if err != nil {
		return err
	}
	return fn(found)
}

// FetchSignatureBlob reads the envelope that a manifest names.
func (s *signatures) FetchSignatureBlob(ctx context.Context, desc ocispec.Descriptor) ([]byte, ocispec.Descriptor, error) {
	var manifest ocispec.Manifest
	if err := fetchJSON(ctx, s.repo, desc, &manifest); err != nil {
		return nil, ocispec.Descriptor{}, err
	}
	if len(manifest.Layers) != 1 {
		return nil, ocispec.Descriptor{}, image.Errorf(errdefs.ErrInvalidArgument, "the signature %s has %d envelopes, not one", desc.Digest, len(manifest.Layers))
	}
	data, err := s.repo.Fetch(ctx, manifest.Layers[0])
	return data, manifest.Layers[0], err
}

// PushSignature sends an envelope and a manifest about the image that names it.
func (s *signatures) PushSignature(ctx context.Context, mediaType string, blob []byte, subject ocispec.Descriptor, annotations map[string]string) (envelope, desc ocispec.Descriptor, err error) {
	config := []byte("{}")
	envelope = describe(mediaType, blob)
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: describe(signatureType, config), Layers: []ocispec.Descriptor{envelope},
		Subject: &subject, Annotations: annotations,
	}
	document, err := json.Marshal(manifest)
	if err != nil {
		return envelope, desc, err
	}
	desc = describe(ocispec.MediaTypeImageManifest, document)
	desc.ArtifactType, desc.Annotations = signatureType, annotations
	if err := errors.Join(s.repo.Push(ctx, envelope, blob, ""), s.repo.Push(ctx, manifest.Config, config, "")); err != nil {
		return envelope, desc, err
	}
	return envelope, desc, s.repo.PushManifest(ctx, desc, document, subject.Digest)
}
