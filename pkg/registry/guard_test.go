package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// demanding is a registry that wants tokens of a server.
func demanding(t *testing.T, realm string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test",scope="repository:app:pull"`, realm))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestTokenRequestStays has a token server pass the request for a token, with the
// password in its body, on to another host.
func TestTokenRequestStays(t *testing.T) {
	var heardOf []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		heardOf = append(heardOf, r.Header.Get("Authorization")+string(body))
	}))
	defer thief.Close()
	tokens := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer tokens.Close()
	server := demanding(t, tokens.URL)
	ref := host(server) + "/app:1"
	_, err := resolve(t, New(Config{DockerConfigDir: dockerConfig(t, host(server))}), ref)
	named, parseErr := reference.ParseNormalizedNamed(ref)
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	if got := Explain(named, err); !errdefs.IsPermissionDenied(got) || !strings.Contains(got.Error(), "which credentials are not for") || strings.Contains(got.Error(), secret) {
		t.Errorf("got %v", got)
	}
	if len(heardOf) > 0 {
		t.Errorf("the other host was told %q", heardOf)
	}
}

// answers is a transport that answers everything alike.
type answers string

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: req, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

func TestNoSecretInTheClear(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	password := http.Header{"Authorization": {"Basic x"}}
	for _, c := range []struct {
		method, url string
		header      http.Header
		clear, ok   bool
	}{
		{http.MethodGet, "https://auth.example.com/", password, false, true},
		{http.MethodGet, "http://auth.example.com/", password, false, false},
		{http.MethodGet, "http://auth.example.com/", password, true, true},
		{http.MethodGet, "http://auth.example.com/", nil, false, true},
		{http.MethodPost, "http://auth.example.com/", form, false, false},
		{http.MethodPost, "http://localhost:1/", form, false, true},
		{http.MethodPost, "http://[::1]:1/", form, false, true},
	} {
		req, err := http.NewRequest(c.method, c.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = c.header
		resp, err := (&guarded{answers(""), c.clear}).RoundTrip(req)
		if (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.method, c.url, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

func TestBoundedAnswers(t *testing.T) {
	long := answers(strings.Repeat("x", maxDocument+1))
	first := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "a", Path: "/v2/app/blobs/sha256:1"}}
	for name, c := range map[string]struct {
		req *http.Request
		ok  bool
	}{
		"token": {&http.Request{URL: &url.URL{Scheme: "https", Host: "a", Path: "/token"}}, false},
		"blob":  {first, true},
		"blob that lies elsewhere": {&http.Request{
			URL: &url.URL{Scheme: "https", Host: "b", Path: "/bucket"}, Response: &http.Response{Request: first},
		}, true},
	} {
		resp, err := (&guarded{long, false}).RoundTrip(c.req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if (err == nil) != c.ok || n > maxDocument+1 {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		_ = resp.Body.Close()
	}
}

// TestNoOtherPlaces has an image name other places for its content, which only
// layers that no registry may have are fetched from.
func TestNoOtherPlaces(t *testing.T) {
	text := []byte("content")
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("it was sent credentials")
		}
		asked++
		_, _ = w.Write(text)
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	defer server.Close()
	fetcher, err := New(Config{DockerConfigDir: dockerConfig(t, host(server))}).Remote(t.Context()).Fetcher(t.Context(), host(server)+"/app:1")
	if err != nil {
		t.Fatal(err)
	}
	for mediaType, want := range map[string]int{
		ocispec.MediaTypeImageLayer: 0, ocispec.MediaTypeImageConfig: 0, ocispec.MediaTypeImageManifest: 0,
		images.MediaTypeDockerSchema2LayerForeignGzip: 1,
	} {
		asked = 0
		rc, err := fetcher.Fetch(t.Context(), ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text)), URLs: []string{other.URL + "/x"}})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(rc); err != nil || !bytes.Equal(data, text) || asked != want {
			t.Errorf("%s: %q, %v; the other place was asked %d times", mediaType, data, err, asked)
		}
		_ = rc.Close()
	}
}

// TestUnusableHostsFile has a file that is TOML, and still none for hosts.
func TestUnusableHostsFile(t *testing.T) {
	for _, text := range []string{"[host.\"http://127.0.0.1:1\"]\ncapabilities = [\"steal\"]\n", "server = 5\n", "ca = 5\n", "[host.\"http://[::1\"]\n", "dial_timeout = \"soon\"\n"} {
		dir := hostsDir(t, "registry.test", map[string]string{"hosts.toml": text})
		_, err := New(Config{HostsDirs: []string{dir}}).Hosts(t.Context())("registry.test")
		if err == nil || !strings.Contains(err.Error(), "hosts.toml") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTagsOfStandIn tells a host which registry it is asked for.
func TestTagsOfStandIn(t *testing.T) {
	var queries []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.RawQuery)
		_, _ = io.WriteString(w, `{"tags":["a"]}`)
	}))
	defer server.Close()
	dir := hostsDir(t, "registry.test", map[string]string{"hosts.toml": fmt.Sprintf("[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n", server.URL)})
	for ref, r := range map[string]*Resolver{"registry.test/app": New(Config{HostsDirs: []string{dir}}), host(server) + "/app": New(Config{})} {
		named, err := reference.ParseNormalizedNamed(ref)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Tags(t.Context(), named); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(queries)
	if !slices.Equal(queries, []string{"", "ns=registry.test"}) {
		t.Errorf("it was asked %q", queries)
	}
}

// FuzzChallenge reads what a registry wants for credentials.
func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://auth.example.com/token",service="x",scope="repository:a:pull,push"`)
	f.Add(`Basic realm="x"`)
	f.Add(`Bearer realm="\"`)
	f.Add(`bearer realm=,,=`)
	f.Fuzz(func(t *testing.T, header string) {
		for _, c := range auth.ParseAuthHeader(http.Header{"Www-Authenticate": {header}}) {
			if _, err := auth.GenerateTokenOptions(t.Context(), "registry.test", user, secret, c); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the password: %v", err)
			}
		}
	})
}
