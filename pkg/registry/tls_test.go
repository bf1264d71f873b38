package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// authority makes certificates, as a private CA does.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca")
	return a
}

// issue writes NAME.crt and NAME.key into the authority's folder.
func (a *authority) issue(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"registry.test"}, BasicConstraintsValid: true, IsCA: a.cert == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(a.dir, name+file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// serve starts a registry with a certificate of the authority, holding app:1.
func (a *authority) serve(t *testing.T, clients tls.ClientAuthType) *httptest.Server {
	t.Helper()
	a.issue(t, "server")
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "server.crt"), filepath.Join(a.dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	inner := filled(t)
	server := httptest.NewUnstartedServer(inner)
	server.Config.ErrorLog = discardLog()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// filled is a registry holding app:1.
func filled(t *testing.T) http.Handler {
	t.Helper()
	inner := ggcr.New(ggcr.Logger(discardLog()))
	open := httptest.NewServer(inner)
	defer open.Close()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host(open)+"/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return inner
}

// hostsDir writes the files of one registry's folder and gives the folder above.
func hostsDir(t *testing.T, registry string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, registry)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.issue(t, "client")
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(ca.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	oneWay, mutual := ca.serve(t, tls.NoClientCert), ca.serve(t, tls.RequireAndVerifyClientCert)
	toml := func(s *httptest.Server, lines ...string) map[string]string {
		return map[string]string{"hosts.toml": fmt.Sprintf("[host.%q]\ncapabilities = [\"pull\", \"resolve\", \"push\"]\n%s\n", s.URL, strings.Join(lines, "\n"))}
	}
	caLine := fmt.Sprintf("ca = %q", filepath.Join(ca.dir, "ca.crt"))
	clientLine := fmt.Sprintf("client = [[%q, %q]]", filepath.Join(ca.dir, "client.crt"), filepath.Join(ca.dir, "client.key"))
	const domain = "registry.test"
	for _, c := range []struct {
		name   string
		server *httptest.Server
		files  map[string]string
		ok     bool
	}{
		{"unknown authority", oneWay, toml(oneWay), false},
		{"authority", oneWay, toml(oneWay, caLine), true},
		{"not verified", oneWay, toml(oneWay, "skip_verify = true"), true},
		{"no client certificate", mutual, toml(mutual, caLine), false},
		{"client certificate", mutual, toml(mutual, caLine, clientLine), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := resolve(t, New(Config{HostsDirs: []string{hostsDir(t, domain, c.files)}}), domain+"/app:1")
			if (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
	// Docker's layout: certificates beside each other. 127.0.0.1 is not verified
	// at all, so that the server has to insist on the client's.
	addr := mutual.Listener.Addr().String()
	files := map[string]string{"ca.crt": read("ca.crt"), "client.cert": read("client.crt"), "client.key": read("client.key")}
	if _, err := resolve(t, New(Config{HostsDirs: []string{hostsDir(t, addr, files)}}), addr+"/app:1"); err != nil {
		t.Errorf("Docker's layout: %v", err)
	}
	if _, err := resolve(t, New(Config{HostsDirs: []string{hostsDir(t, addr, map[string]string{"ca.crt": read("ca.crt")})}}), addr+"/app:1"); err == nil {
		t.Error("served without a client certificate")
	}
}

func TestMirrorFailsOver(t *testing.T) {
	origin := httptest.NewServer(filled(t))
	defer origin.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, status := range map[string]int{"unreachable": 0, "broken": 500, "busy": 503, "limited": 429, "without the image": 404, "closed": 403} {
		t.Run(name, func(t *testing.T) {
			mirror := gone.URL
			if status > 0 {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "30")
					w.WriteHeader(status)
				}))
				defer server.Close()
				mirror = server.URL
			}
			dir := hostsDir(t, "registry.test", map[string]string{
				"hosts.toml": fmt.Sprintf("server = %q\n[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n", origin.URL, mirror),
			})
			start := time.Now()
			if _, err := resolve(t, New(Config{HostsDirs: []string{dir}}), "registry.test/app:1"); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("the mirror was waited for: %v", took)
			}
		})
	}
}

// TestTokens logs in at a token server, which is busy at first.
func TestTokens(t *testing.T) {
	inner := filled(t)
	refused := 0
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused++; refused == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		u, p, basic := r.BasicAuth()
		if !basic {
			u, p = r.Form.Get("username"), r.Form.Get("password")
		}
		if u != user || p != secret || !strings.HasPrefix(r.Form.Get("scope"), "repository:app:pull") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"token":%q,"access_token":%[1]q}`, base64.StdEncoding.EncodeToString([]byte(r.Form.Get("scope"))))
	}))
	defer tokens.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:app:pull"`, tokens.URL))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	if _, err := resolve(t, New(Config{DockerConfigDir: dockerConfig(t, host(server))}), host(server)+"/app:1"); err != nil {
		t.Error(err)
	}
	if _, err := resolve(t, New(Config{}), host(server)+"/app:1"); err == nil {
		t.Error("served without credentials")
	}
}
