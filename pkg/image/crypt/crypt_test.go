package crypt

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/image"
)

// person has files of a key, its public half and a certificate of it.
type person struct{ key, public, cert string }

func writePEM(t *testing.T, file, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newPerson(t *testing.T) person {
	t.Helper()
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return person{
		writePEM(t, filepath.Join(dir, "key"), "PRIVATE KEY", private),
		writePEM(t, filepath.Join(dir, "public"), "PUBLIC KEY", public),
		writePEM(t, filepath.Join(dir, "cert"), "CERTIFICATE", cert),
	}
}

func (p person) keys(t *testing.T) (keys Keys) {
	t.Helper()
	if err := keys.Add(p.key); err != nil {
		t.Fatal(err)
	}
	if err := keys.AddCert("pkcs7:" + p.cert); err != nil {
		t.Fatal(err)
	}
	return keys
}

func recipients(t *testing.T, all ...string) []Recipient {
	t.Helper()
	var out []Recipient
	for _, text := range all {
		r, err := ParseRecipient(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func layerOf(t *testing.T, data []byte, mediaType string) (content.Store, image.Layer) {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data)), Annotations: map[string]string{"mine": "kept"}}
	if err := content.WriteBlob(t.Context(), store, "layer", bytes.NewReader(data), desc); err != nil {
		t.Fatal(err)
	}
	return store, image.Layer{Desc: desc, DiffID: "sha256:plain"}
}

func encrypted(t *testing.T, store content.Store, l image.Layer, keys Keys, to ...string) image.Layer {
	t.Helper()
	fn, err := Encrypt(recipients(t, to...), keys)
	if err != nil {
		t.Fatal(err)
	}
	made, err := fn(t.Context(), store, l)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func decrypted(t *testing.T, store content.Store, l image.Layer, keys Keys) (image.Layer, error) {
	t.Helper()
	fn, err := Decrypt(keys)
	if err != nil {
		t.Fatal(err)
	}
	return fn(t.Context(), store, l)
}

func TestRoundTrip(t *testing.T) {
	alice, bob := newPerson(t), newPerson(t)
	plain := bytes.Repeat([]byte("secret"), 10_000)
	for _, c := range []struct{ from, to, back string }{
		{ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerGzip + "+encrypted", ocispec.MediaTypeImageLayerGzip},
		{images.MediaTypeDockerSchema2LayerGzip, ocispec.MediaTypeImageLayerGzip + "+encrypted", ocispec.MediaTypeImageLayerGzip},
		{images.MediaTypeDockerSchema2Layer, ocispec.MediaTypeImageLayer + "+encrypted", ocispec.MediaTypeImageLayer},
		{ocispec.MediaTypeImageLayerZstd, ocispec.MediaTypeImageLayerZstd + "+encrypted", ocispec.MediaTypeImageLayerZstd},
	} {
		for _, to := range []string{"jwe:" + alice.public, "pkcs7:" + alice.cert} {
			store, layer := layerOf(t, plain, c.from)
			made := encrypted(t, store, layer, Keys{}, to)
			data, err := content.ReadBlob(t.Context(), store, made.Desc)
			if err != nil || bytes.Contains(data, []byte("secret")) {
				t.Errorf("%s for %.5s: not encrypted: %v", c.from, to, err)
			}
			if made.Desc.MediaType != c.to || made.DiffID != layer.DiffID || made.Desc.Annotations["mine"] != "kept" {
				t.Errorf("encrypted: %+v", made)
			}
			if _, err := decrypted(t, store, made, bob.keys(t)); !errdefs.IsPermissionDenied(err) {
				t.Errorf("by another: %v", err)
			}
			back, err := decrypted(t, store, made, alice.keys(t))
			if err != nil {
				t.Fatal(err)
			}
			if back.Desc.Digest != layer.Desc.Digest || back.Desc.MediaType != c.back || len(back.Desc.Annotations) != 1 {
				t.Errorf("back: %+v", back)
			}
		}
	}
}

// Somebody who can read an image can let others read it; the layer stays.
func TestMoreRecipients(t *testing.T) {
	alice, bob := newPerson(t), newPerson(t)
	store, layer := layerOf(t, []byte("secret"), ocispec.MediaTypeImageLayer)
	first := encrypted(t, store, layer, Keys{}, "jwe:"+alice.public)
	second := encrypted(t, store, first, alice.keys(t), "jwe:"+bob.public)
	if second.Desc.Digest != first.Desc.Digest || second.Desc.MediaType != first.Desc.MediaType {
		t.Errorf("the layer is another: %+v", second)
	}
	for name, p := range map[string]person{"alice": alice, "bob": bob} {
		if back, err := decrypted(t, store, second, p.keys(t)); err != nil || back.Desc.Digest != layer.Desc.Digest {
			t.Errorf("%s: %+v %v", name, back, err)
		}
	}
	fn, err := Encrypt(recipients(t, "jwe:"+bob.public), Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fn(t.Context(), store, first); !errdefs.IsPermissionDenied(err) {
		t.Errorf("a recipient added without a key: %v", err)
	}
	if plain, err := decrypted(t, store, layer, alice.keys(t)); err != nil || plain.Desc.Digest != layer.Desc.Digest {
		t.Errorf("what is not encrypted: %+v %v", plain, err)
	}
}

// A blob that somebody changed is refused, whatever it decrypts to.
func TestChangedBlob(t *testing.T) {
	alice := newPerson(t)
	store, layer := layerOf(t, bytes.Repeat([]byte("x"), 5000), ocispec.MediaTypeImageLayer)
	made := encrypted(t, store, layer, Keys{}, "jwe:"+alice.public)
	data, err := content.ReadBlob(t.Context(), store, made.Desc)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	made.Desc.Digest = digest.FromBytes(data)
	if err := content.WriteBlob(t.Context(), store, "changed", bytes.NewReader(data), made.Desc); err != nil {
		t.Fatal(err)
	}
	if _, err := decrypted(t, store, made, alice.keys(t)); err == nil {
		t.Error("a changed layer was decrypted")
	}
}

func TestRecipientsAndKeys(t *testing.T) {
	alice := newPerson(t)
	none := filepath.Join(t.TempDir(), "none")
	for text, want := range map[string]string{
		"jwe:" + alice.public: "", "pkcs7:" + alice.cert: "",
		"jwe:" + alice.key: "holds no public key", "pkcs7:" + alice.public: "holds no certificate",
		"pgp:alice@example.com": "pgp is not supported", "pkcs11:x": "pkcs11 is not supported", "provider:x": "provider is not supported",
		"alice": "is expected", "jwe:": "is expected", "rot13:x": "unknown scheme", "jwe:" + none: "no such file",
	} {
		_, err := ParseRecipient(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("recipient %s: %v, want %q", text, err, want)
		}
	}
	locked := lockedKey(t, "pass word")
	word := filepath.Join(t.TempDir(), "word")
	if err := os.WriteFile(word, []byte("pass word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		alice.key: "", locked + ":pass=pass word": "", locked + ":file=" + word: "",
		locked: "has a password", locked + ":pass=wrong": "has another password", locked + ":file=" + none: "no such file",
		writePEM(t, word+"8", "ENCRYPTED PRIVATE KEY", []byte{1}): "encrypted as PKCS#8",
		locked + ":fd=3": "cannot be read from a descriptor", none: "no such file", alice.public: "no private key",
	} {
		var keys Keys
		err := keys.Add(text)
		if want == "" && (err != nil || len(keys.Private) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("key %s: %v, want %q", text, err, want)
		}
	}
	var keys Keys
	if err := keys.AddCert("jwe:" + alice.public); err == nil {
		t.Error("a public key was taken for a certificate")
	}
	if _, err := Encrypt(nil, Keys{}); err == nil {
		t.Error("encrypted for nobody")
	}
	if _, err := Decrypt(Keys{}); err == nil {
		t.Error("decrypted without a key")
	}
}

// lockedKey is a key in PEM's own encryption, which openssl has made for long.
func lockedKey(t *testing.T, password string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), []byte(password), x509.PEMCipherAES256) //nolint:staticcheck // still in use
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "locked")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
