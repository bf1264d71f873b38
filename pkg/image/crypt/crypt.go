// Package crypt encrypts the layers of images for the holders of keys, and decrypts
// them, as OCIcrypt describes it: the layer is encrypted with a key of its own,
// which is wrapped for each recipient in the layer's annotations.
package crypt

import (
	"context"
	"io"
	"maps"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containers/ocicrypt"
	"github.com/containers/ocicrypt/config"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/image"
)

// suffix marks the media type of an encrypted layer.
const suffix = "+encrypted"

// annotations is what begins the names of the annotations that OCIcrypt uses.
const annotations = "org.opencontainers.image.enc."

// Encrypt makes layers that only the recipients can read. Keys are needed to add
// recipients to a layer that is encrypted already.
func Encrypt(recipients []Recipient, keys Keys) (image.LayerFunc, error) {
	if len(recipients) == 0 {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "nobody could decrypt the image: at least one recipient is needed")
	}
	all, err := encryptFor(recipients)
	if err != nil {
		return nil, err
	}
	opened, err := keys.config()
	if err != nil {
		return nil, err
	}
	cc := config.CombineCryptoConfigs(all)
	cc.EncryptConfig.AttachDecryptConfig(config.CombineCryptoConfigs(opened).DecryptConfig)
	return func(ctx context.Context, store content.Store, layer image.Layer) (image.Layer, error) {
		ra, err := store.ReaderAt(ctx, layer.Desc)
		if err != nil {
			return layer, err
		}
		defer ra.Close()
		stream, finish, err := ocicrypt.EncryptLayer(cc.EncryptConfig, io.NewSectionReader(ra, 0, layer.Desc.Size), layer.Desc)
		if err != nil {
			return layer, reason(err)
		}
		made := layer
		if stream != nil { // else it is encrypted: the key alone is wrapped anew
			if made.Desc, err = write(ctx, store, layer.Desc, "", stream); err != nil {
				return layer, err
			}
			made.Desc.MediaType = ociType(layer.Desc.MediaType) + suffix
		}
		wrapped, err := finish()
		if err != nil {
			return layer, reason(err)
		}
		made.Desc.Annotations = maps.Clone(layer.Desc.Annotations)
		if made.Desc.Annotations == nil {
			made.Desc.Annotations = map[string]string{}
		}
		maps.Copy(made.Desc.Annotations, wrapped)
		return made, nil
	}, nil
}

// Decrypt makes plain layers of those that are encrypted for one of the keys.
func Decrypt(keys Keys) (image.LayerFunc, error) {
	opened, err := keys.config()
	if err != nil {
		return nil, err
	}
	if len(opened) == 0 {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "a key is needed to decrypt an image")
	}
	cc := config.CombineCryptoConfigs(opened)
	return func(ctx context.Context, store content.Store, layer image.Layer) (image.Layer, error) {
		if !strings.HasSuffix(layer.Desc.MediaType, suffix) {
			return layer, nil
		}
		ra, err := store.ReaderAt(ctx, layer.Desc)
		if err != nil {
			return layer, err
		}
		defer ra.Close()
		stream, want, err := ocicrypt.DecryptLayer(cc.DecryptConfig, io.NewSectionReader(ra, 0, layer.Desc.Size), layer.Desc, false)
		if err != nil {
			return layer, reason(err)
		}
		made := layer
		if made.Desc, err = write(ctx, store, layer.Desc, want, stream); err != nil {
			return layer, err
		}
		made.Desc.MediaType = strings.TrimSuffix(layer.Desc.MediaType, suffix)
		made.Desc.Annotations = maps.Clone(layer.Desc.Annotations)
		maps.DeleteFunc(made.Desc.Annotations, func(key, _ string) bool { return strings.HasPrefix(key, annotations) })
		if len(made.Desc.Annotations) == 0 {
			made.Desc.Annotations = nil
		}
		return made, nil
	}, nil
}

// write stores a stream as the blob of a layer. It is refused if it is not what
// want names; empty: anything will do.
func write(ctx context.Context, store content.Store, old ocispec.Descriptor, want digest.Digest, stream io.Reader) (ocispec.Descriptor, error) {
	made := old
	w, err := content.OpenWriter(ctx, store, content.WithRef("crypt-"+old.Digest.String()))
	if err != nil {
		return made, err
	}
	defer w.Close()
	// A command that was killed may have left a part.
	if err := w.Truncate(0); err != nil {
		return made, err
	}
	n, err := io.Copy(w, stream)
	if err != nil {
		return made, reason(err)
	}
	if err := w.Commit(ctx, n, want); err != nil && !errdefs.IsAlreadyExists(err) {
		return made, err
	}
	made.Digest, made.Size = w.Digest(), n
	return made, nil
}

// ociType is a layer's type in OCI's format: Docker's has none for encrypted layers.
func ociType(mediaType string) string {
	switch mediaType {
	case images.MediaTypeDockerSchema2Layer:
		return ocispec.MediaTypeImageLayer
	case images.MediaTypeDockerSchema2LayerGzip:
		return ocispec.MediaTypeImageLayerGzip
	case images.MediaTypeDockerSchema2LayerZstd:
		return ocispec.MediaTypeImageLayerZstd
	}
	return mediaType
}

// reason words what the library says when no key fits, on one line.
func reason(err error) error {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
	if strings.Contains(text, "no suitable key unwrapper found") || strings.Contains(text, "missing private key needed for decryption") ||
		strings.Contains(text, "failed to unwrap") {
		return image.Errorf(errdefs.ErrPermissionDenied, "it is encrypted for others: none of the keys that were given decrypts it")
	}
	return image.Errorf(errdefs.ErrInvalidArgument, "%s", text)
}
