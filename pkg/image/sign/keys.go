package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/image"
)

// PublicKey is a key that cosign's signatures are checked with: ECDSA, RSA or
// Ed25519.
type PublicKey struct{ key crypto.PublicKey }

// PrivateKey is a key that images are signed with, as cosign does.
type PrivateKey struct{ key crypto.Signer }

// ReadPublicKey reads a key in PEM, or that of a certificate.
func ReadPublicKey(file string) (*PublicKey, error) {
	block, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	var key crypto.PublicKey
	if block.Type == "CERTIFICATE" {
		cert, cerr := x509.ParseCertificate(block.Bytes)
		if err = cerr; err == nil {
			key = cert.PublicKey
		}
	} else {
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "key %s holds no public key", file)
	}
	switch key.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
		return &PublicKey{key}, nil
	}
	return nil, image.Errorf(errdefs.ErrInvalidArgument, "key %s is of a kind that cosign has not", file)
}

// ReadPrivateKey reads a key in PEM: one that cosign has made, which is encrypted
// with the password, or a plain one.
func ReadPrivateKey(file string, password []byte) (*PrivateKey, error) {
	block, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	der := block.Bytes
	switch block.Type {
	case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		if der, err = encrypted.Decrypt(der, password); err != nil {
			return nil, errs.WithHint(image.Errorf(errdefs.ErrInvalidArgument, "key %s: it has another password", file), "set COSIGN_PASSWORD")
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		key, err = x509.ParseECPrivateKey(der)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "key %s holds no private key in PKCS#8", file)
	}
	return &PrivateKey{signer}, nil
}

// readPEM reads a key from a file. Keys of key management services are named by
// addresses instead.
func readPEM(file string) (*pem.Block, error) {
	if scheme, _, ok := strings.Cut(file, "://"); ok && scheme != "" {
		return nil, image.Errorf(errdefs.ErrNotImplemented, "key %s: only files can be used", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, image.Errorf(errdefs.ErrInvalidArgument, "key %s is not in PEM", file)
	}
	return block, nil
}

func (k *PrivateKey) sign(data []byte) ([]byte, error) {
	switch k.key.(type) {
	case ed25519.PrivateKey:
		return k.key.Sign(rand.Reader, data, crypto.Hash(0))
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
		sum := sha256.Sum256(data)
		return k.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	return nil, errors.New("the key is of a kind that cosign has not")
}

func (k *PublicKey) verify(data, signature []byte) bool {
	sum := sha256.Sum256(data)
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, data, signature)
	}
	return false
}
