package sign

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/image"
)

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func document(t *testing.T, file string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, data)
}

// notationConfig is a configuration folder with the key "alice" and a policy that
// trusts it for all repositories of scope.
func notationConfig(t *testing.T, scope string) string {
	t.Helper()
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{"AQ"}, Province: []string{"South"}, Organization: []string{"Penguins"}, CommonName: "alice"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, crypto.Signer(key).Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, certFile := filepath.Join(dir, "localkeys", "alice.key"), filepath.Join(dir, "localkeys", "alice.crt")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	write(t, certFile, certPEM)
	write(t, filepath.Join(dir, "truststore", "x509", "ca", "penguins", "alice.crt"), certPEM)
	document(t, filepath.Join(dir, "signingkeys.json"), map[string]any{"default": "alice", "keys": []any{
		map[string]string{"name": "alice", "keyPath": keyFile, "certPath": certFile},
		map[string]string{"name": "far", "pluginName": "vault", "id": "1"},
	}})
	document(t, filepath.Join(dir, "trustpolicy.json"), map[string]any{"version": "1.0", "trustPolicies": []any{map[string]any{
		"name": "penguins", "registryScopes": []string{scope}, "signatureVerification": map[string]string{"level": "strict"},
		"trustStores": []string{"ca:penguins"}, "trustedIdentities": []string{"*"},
	}}})
	return dir
}

func notationOf(t *testing.T, dir string) (image.Attach, image.Check) {
	t.Helper()
	attach, err := AttachNotation(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	check, err := CheckNotation(dir)
	if err != nil {
		t.Fatal(err)
	}
	return attach, check
}

func TestNotation(t *testing.T) {
	for name, referrers := range map[string]bool{"a registry that lists what is about an image": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, referrers)
			attach, check := notationOf(t, notationConfig(t, "*"))
			other, otherCheck := notationOf(t, notationConfig(t, "*"))
			app := w.make("app:1", "one")
			w.push(app, nil)
			w.refused(app, check, "no signature is associated")
			w.push(app, other)
			w.refused(app, check, "does not contain any trusted certificate")
			w.push(app, attach)
			for _, c := range []image.Check{check, otherCheck} {
				if err := w.pull(app, c); err != nil {
					t.Error(err)
				}
			}
			if tagged := w.tags("app"); referrers == slices.ContainsFunc(tagged, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }) {
				t.Errorf("tags: %v", tagged)
			}
			second := w.make("app:2", "two")
			w.push(second, nil)
			w.refused(second, check, "no signature is associated")
		})
	}
}

func TestNotationPolicy(t *testing.T) {
	w := newWorld(t, true)
	app := w.make("app:1", "one")
	_, check := notationOf(t, notationConfig(t, w.host+"/other"))
	w.push(app, nil)
	w.refused(app, check, "no trust policy")
	if _, err := CheckNotation(t.TempDir()); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "trustpolicy.json") {
		t.Errorf("no policy: %v", err)
	}
	dir := t.TempDir()
	for text, want := range map[string]string{"{": "unexpected end", `{"version":"7"}`: "version"} {
		write(t, filepath.Join(dir, "trustpolicy.json"), []byte(text))
		if _, err := CheckNotation(dir); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("policy %s: %v", text, err)
		}
	}
}

func TestNotationKeys(t *testing.T) {
	dir := notationConfig(t, "*")
	for name, want := range map[string]string{"": "", "alice": "", "bob": "no key bob", "far": "kept by the plugin vault"} {
		_, err := AttachNotation(dir, name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("key %q: %v, want %q", name, err, want)
		}
	}
	if _, err := AttachNotation(t.TempDir(), ""); err == nil {
		t.Error("no list of keys")
	}
	document(t, filepath.Join(dir, "signingkeys.json"), map[string]any{"keys": []any{}})
	if _, err := AttachNotation(dir, ""); err == nil || !strings.Contains(err.Error(), "no default key") {
		t.Errorf("no default: %v", err)
	}
}
