package sign

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
)

// world is a registry, and images that are pushed there and pulled from it.
type world struct {
	*image.Service
	t     *testing.T
	store *ctrdtest.Store
	host  string
}

func newWorld(t *testing.T, referrers bool) *world {
	t.Helper()
	server := httptest.NewServer(ggcr.New(ggcr.WithReferrersSupport(referrers), ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	layout, err := state.NewLayout(t.TempDir(), t.TempDir(), ctrdtest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	store := ctrdtest.New(t)
	return &world{image.New(store.Client, layout, registry.New(registry.Config{})), t, store, strings.TrimPrefix(server.URL, "http://")}
}

// make makes an image of its own content.
func (w *world) make(ref, text string) string {
	w.t.Helper()
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	if err := out.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(text))}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(out, text); err != nil {
		w.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
	ref = w.host + "/" + ref
	if _, err := w.Import(w.store.Context(w.t), &buf, image.ImportOptions{Name: ref}); err != nil {
		w.t.Fatal(err)
	}
	return ref
}

// push pushes an image, as it is here or else in the registry.
func (w *world) push(ref string, attach image.Attach) {
	w.t.Helper()
	if _, err := w.Resolve(w.store.Context(w.t), ref); err != nil {
		if err := w.pull(ref, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.Push(w.store.Context(w.t), ref, image.PushOptions{Attach: attach}); err != nil {
		w.t.Fatal(err)
	}
}

// pull pulls an image anew.
func (w *world) pull(ref string, check image.Check) error {
	w.t.Helper()
	ctx := w.store.Context(w.t)
	if _, err := w.Remove(ctx, ref, image.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
		w.t.Fatal(err)
	}
	_, err := w.Pull(ctx, ref, image.PullOptions{Check: check})
	if _, kept := w.Resolve(ctx, ref); (kept == nil) != (err == nil) {
		w.t.Errorf("%s: pulled with %v, kept with %v", ref, err, kept)
	}
	return err
}

// tags are those of a repository.
func (w *world) tags(repo string) []string {
	w.t.Helper()
	r, err := name.NewRepository(w.host+"/"+repo, name.Insecure)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := remote.List(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// refused wants an image to be refused for a reason.
func (w *world) refused(ref string, check image.Check, why string) {
	w.t.Helper()
	if err := w.pull(ref, check); !errdefs.IsPermissionDenied(err) || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "\n") {
		w.t.Errorf("%s: %v, want it to be refused: %s", ref, err, why)
	}
}

// keyPair writes a key and its public half.
func keyPair(t *testing.T, key crypto.Signer, kind string, change func([]byte) []byte) (private, public string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		der = change(der)
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, kind, der), writePEM(t, "PUBLIC KEY", pub)
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newECDSA(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cosign reads a pair of keys.
func cosign(t *testing.T, key crypto.Signer) (image.Attach, image.Check) {
	t.Helper()
	private, public := keyPair(t, key, "PRIVATE KEY", nil)
	signer, err := ReadPrivateKey(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return AttachCosign(signer), CheckCosign(verifier)
}

func TestCosign(t *testing.T) {
	w := newWorld(t, false)
	attach, check := cosign(t, newECDSA(t))
	other, otherCheck := cosign(t, newECDSA(t))
	app := w.make("app:1", "one")
	w.push(app, nil)
	w.refused(app, check, "has no cosign signature")
	w.push(app, other)
	w.refused(app, check, "another key")
	w.push(app, attach) // beside the other's
	for _, c := range []image.Check{check, otherCheck} {
		if err := w.pull(app, c); err != nil {
			t.Error(err)
		}
	}
	// The signature of another image, moved to this one's tag.
	second := w.make("app:2", "two")
	w.push(second, nil)
	moveSignature(t, app, second)
	w.refused(second, check, "about another image")
	// A registry that gives the tag to another image gains nothing.
	if err := w.pull(second, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Tag(w.store.Context(t), second, app); err != nil {
		t.Fatal(err)
	}
	w.push(app, nil)
	w.refused(app, check, "about another image")
}

// moveSignature gives an image's signature to another.
func moveSignature(t *testing.T, from, to string) {
	t.Helper()
	tag := func(ref string) name.Tag {
		r, err := name.ParseReference(ref, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		desc, err := remote.Get(r)
		if err != nil {
			t.Fatal(err)
		}
		return r.Context().Tag("sha256-" + desc.Digest.Hex + ".sig")
	}
	signature, err := remote.Image(tag(from))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag(to), signature); err != nil {
		t.Fatal(err)
	}
}

func TestCosignKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("data")
	for name, key := range map[string]crypto.Signer{"ecdsa": newECDSA(t), "rsa": rsaKey, "ed25519": edKey} {
		lock := func(der []byte) []byte {
			locked, err := encrypted.Encrypt(der, []byte("secret"))
			if err != nil {
				t.Fatal(err)
			}
			return locked
		}
		private, public := keyPair(t, key, "ENCRYPTED SIGSTORE PRIVATE KEY", lock)
		if _, err := ReadPrivateKey(private, []byte("wrong")); err == nil || !strings.Contains(err.Error(), "another password") {
			t.Errorf("%s: %v", name, err)
		}
		signer, err := ReadPrivateKey(private, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := ReadPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.sign(data)
		if err != nil || !verifier.verify(data, signature) || verifier.verify([]byte("other"), signature) || verifier.verify(data, data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	private, public := keyPair(t, newECDSA(t), "PRIVATE KEY", nil)
	for file, want := range map[string]string{text: "not in PEM", "awskms:///x": "only files", text + "0": "no such file", private: "no public key"} {
		if _, err := ReadPublicKey(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("public key %s: %v, want %s", file, err, want)
		}
	}
	if _, err := ReadPrivateKey(public, nil); err == nil || !strings.Contains(err.Error(), "no private key") {
		t.Errorf("a public key for a private one: %v", err)
	}
}

// What is not signed may still be pulled, if nobody asks.
func TestUncheckedPull(t *testing.T) {
	w := newWorld(t, true)
	app := w.make("app:1", "one")
	w.push(app, nil)
	if err := w.pull(app, nil); err != nil {
		t.Error(err)
	}
}
