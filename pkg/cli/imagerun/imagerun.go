// Package imagerun is the tools behind some commands on images, linked into
// nerd-image alone.
package imagerun

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/image/convert"
	"github.com/nerd-cli/nerd/pkg/image/crypt"
	"github.com/nerd-cli/nerd/pkg/image/sign"
)

// Tools are the libraries.
type Tools struct{}

var _ imagetools.Tools = Tools{}

// Convert gives a conversion of layers.
func (Tools) Convert(ctx context.Context, c imagetools.Conversion) (imagetools.Layers, error) {
	lazy := convert.LazyOptions{Level: c.Level, ChunkSize: c.ChunkSize, MinChunkSize: c.MinChunkSize}
	if c.RecordIn != "" {
		var err error
		if lazy.First, err = readRecord(c.RecordIn); err != nil {
			return imagetools.Layers{}, err
		}
	}
	switch c.Kind {
	case imagetools.EStargz:
		return imagetools.Layers{Make: convert.EStargz(lazy)}, nil
	case imagetools.ZstdChunked:
		return imagetools.Layers{Make: convert.ZstdChunked(lazy)}, nil
	case imagetools.Zstd:
		return imagetools.Layers{Make: convert.Zstd(c.Level)}, nil
	case imagetools.Uncompressed:
		return imagetools.Layers{Make: convert.Uncompressed()}, nil
	case imagetools.EROFS:
		layers, err := convert.EROFS(ctx, c.Compressors)
		return imagetools.Layers{Make: layers, Feature: convert.EROFSFeature}, err
	}
	return imagetools.Layers{}, nil
}

// readRecord reads the paths of a record of accessed files.
func readRecord(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var paths []string
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var entry struct {
			Path string `json:"path"`
		}
		err := dec.Decode(&entry)
		if errors.Is(err, io.EOF) {
			return paths, nil
		}
		if err != nil || entry.Path == "" {
			return nil, image.Errorf(errdefs.ErrInvalidArgument, `%s: entry %d is not {"path": "/a/file"}`, file, len(paths)+1)
		}
		paths = append(paths, entry.Path)
	}
}

// Encrypt gives the encryption of layers.
func (Tools) Encrypt(s imagetools.Secrets) (image.LayerFunc, error) {
	keys, err := readKeys(s)
	if err != nil {
		return nil, err
	}
	recipients := make([]crypt.Recipient, len(s.Recipients))
	for i, text := range s.Recipients {
		if recipients[i], err = crypt.ParseRecipient(text); err != nil {
			return nil, err
		}
	}
	return crypt.Encrypt(recipients, keys)
}

// Decrypt gives the decryption of layers.
func (Tools) Decrypt(s imagetools.Secrets) (image.LayerFunc, error) {
	keys, err := readKeys(s)
	if err != nil {
		return nil, err
	}
	return crypt.Decrypt(keys)
}

func readKeys(s imagetools.Secrets) (keys crypt.Keys, err error) {
	for _, text := range s.Keys {
		if err := keys.Add(text); err != nil {
			return keys, err
		}
	}
	for _, text := range s.Certs {
		if err := keys.AddCert(text); err != nil {
			return keys, err
		}
	}
	return keys, nil
}

// Check gives the check of a signature.
func (Tools) Check(s imagetools.Signature) (image.Check, error) {
	if s.Kind == imagetools.Notation {
		return sign.CheckNotation(s.ConfigDir)
	}
	key, err := sign.ReadPublicKey(s.Key)
	if err != nil {
		return nil, err
	}
	return sign.CheckCosign(key), nil
}

// Attach gives the making of a signature.
func (Tools) Attach(s imagetools.Signature) (image.Attach, error) {
	if s.Kind == imagetools.Notation {
		return sign.AttachNotation(s.ConfigDir, s.KeyName)
	}
	key, err := sign.ReadPrivateKey(s.Key, s.Password)
	if err != nil {
		return nil, err
	}
	return sign.AttachCosign(key), nil
}
