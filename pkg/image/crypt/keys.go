package crypt

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containers/ocicrypt/config"
	"github.com/containers/ocicrypt/utils"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/image"
)

// Schemes by which the key of a layer is wrapped for a recipient.
const (
	JWE   = "jwe"   // for a public key
	PKCS7 = "pkcs7" // for an X.509 certificate
)

// Recipient is somebody who will be able to decrypt an image.
type Recipient struct {
	Scheme string
	Key    []byte // public key or certificate, in PEM or DER
}

// ParseRecipient reads jwe:FILE, of a public key, or pkcs7:FILE, of a certificate.
func ParseRecipient(text string) (Recipient, error) {
	scheme, file, ok := strings.Cut(text, ":")
	if !ok || file == "" {
		return Recipient{}, image.Errorf(errdefs.ErrInvalidArgument, "invalid recipient %q: jwe:FILE of a public key or pkcs7:FILE of a certificate is expected", text)
	}
	if err := supported(scheme); err != nil {
		return Recipient{}, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Recipient{}, fmt.Errorf("recipient %s: %w", text, err)
	}
	r := Recipient{scheme, data}
	if scheme == JWE && !utils.IsPublicKey(data) {
		return r, image.Errorf(errdefs.ErrInvalidArgument, "recipient %s: the file holds no public key", text)
	}
	if scheme == PKCS7 && !utils.IsCertificate(data) {
		return r, image.Errorf(errdefs.ErrInvalidArgument, "recipient %s: the file holds no certificate", text)
	}
	return r, nil
}

// supported tells the schemes that there are from those that need other programs.
func supported(scheme string) error {
	switch scheme {
	case JWE, PKCS7:
		return nil
	case "pgp", "pkcs11", "provider":
		return errs.WithHint(image.Errorf(errdefs.ErrNotImplemented, "the scheme %s is not supported", scheme), "use jwe:FILE of a public key, or pkcs7:FILE of a certificate")
	}
	return image.Errorf(errdefs.ErrInvalidArgument, "unknown scheme %q: jwe or pkcs7 is expected", scheme)
}

// Keys are what images are decrypted with.
type Keys struct {
	Private   [][]byte // private keys, in PEM or DER
	Passwords [][]byte // of the private keys, one each; nil where there is none
	Certs     [][]byte // certificates of the private keys, for what is wrapped by pkcs7
}

// Add reads a private key, FILE, FILE:pass=PASSWORD or FILE:file=PASSWORDFILE, and
// keeps it.
func (k *Keys) Add(text string) error {
	file, password, err := splitPassword(text)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	_, err = utils.IsPrivateKey(data, password)
	switch {
	case utils.IsPasswordError(err) && password == nil:
		return errs.WithHint(image.Errorf(errdefs.ErrInvalidArgument, "key %s has a password", file), "give it with a file, %s:file=FILE", file)
	case utils.IsPasswordError(err):
		return image.Errorf(errdefs.ErrInvalidArgument, "key %s has another password", file)
	case bytes.Contains(data, []byte("BEGIN ENCRYPTED PRIVATE KEY")):
		return errs.WithHint(image.Errorf(errdefs.ErrNotImplemented, "key %s is encrypted as PKCS#8, which cannot be read", file), "openssl rsa -traditional -aes256 -in %s -out NEW", file)
	case err != nil:
		return image.Errorf(errdefs.ErrInvalidArgument, "key %s is no private key that can be used, such as PKCS#8 in PEM", file)
	}
	k.Private, k.Passwords = append(k.Private, data), append(k.Passwords, password)
	return nil
}

// AddCert reads a certificate, pkcs7:FILE, and keeps it.
func (k *Keys) AddCert(text string) error {
	r, err := ParseRecipient(text)
	if err == nil && r.Scheme != PKCS7 {
		err = image.Errorf(errdefs.ErrInvalidArgument, "%s: a certificate, pkcs7:FILE, is expected", text)
	}
	if err == nil {
		k.Certs = append(k.Certs, r.Key)
	}
	return err
}

// splitPassword takes the password off the file of a key.
func splitPassword(text string) (file string, password []byte, err error) {
	if file, value, ok := cutLast(text, ":pass="); ok {
		return file, []byte(value), nil
	}
	if file, value, ok := cutLast(text, ":file="); ok {
		data, err := os.ReadFile(value)
		if err != nil {
			return "", nil, fmt.Errorf("password of key %s: %w", file, err)
		}
		return file, []byte(strings.TrimRight(string(data), "\r\n")), nil
	}
	if file, _, ok := cutLast(text, ":fd="); ok {
		return "", nil, image.Errorf(errdefs.ErrInvalidArgument, "key %s: a password cannot be read from a descriptor: use %[1]s:file=/dev/stdin or another file", file)
	}
	return text, nil, nil
}

func cutLast(text, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(text, sep); i > 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

func (k *Keys) config() ([]config.CryptoConfig, error) {
	var all []config.CryptoConfig
	if len(k.Private) > 0 {
		cc, err := config.DecryptWithPrivKeys(k.Private, k.Passwords)
		if err != nil {
			return nil, err
		}
		all = append(all, cc)
	}
	if len(k.Certs) > 0 {
		cc, err := config.DecryptWithX509s(k.Certs)
		if err != nil {
			return nil, err
		}
		all = append(all, cc)
	}
	return all, nil
}

func encryptFor(recipients []Recipient) ([]config.CryptoConfig, error) {
	by := map[string][][]byte{}
	for _, r := range recipients {
		by[r.Scheme] = append(by[r.Scheme], r.Key)
	}
	var all []config.CryptoConfig
	if len(by[JWE]) > 0 {
		cc, err := config.EncryptWithJwe(by[JWE])
		if err != nil {
			return nil, err
		}
		all = append(all, cc)
	}
	if len(by[PKCS7]) > 0 {
		cc, err := config.EncryptWithPkcs7(by[PKCS7])
		if err != nil {
			return nil, err
		}
		all = append(all, cc)
	}
	return all, nil
}
