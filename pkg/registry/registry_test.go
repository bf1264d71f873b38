package registry

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	user   = "alice"
	secret = "open-sesame"
)

// authRegistry is a registry that wants a password, holding one image app:1.
func authRegistry(t *testing.T, wrap func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	inner := ggcr.New()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
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
	server := httptest.NewServer(wrap(handler))
	t.Cleanup(server.Close)
	return server
}

func plain(h http.Handler) http.Handler { return h }

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// dockerConfig writes a config.json with credentials for the given host.
func dockerConfig(t *testing.T, forHost string) string {
	t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
	return configFile(t, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, forHost, auth))
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func resolve(t *testing.T, r *Resolver, ref string) (ocispec.Descriptor, error) {
	t.Helper()
	_, desc, err := r.Remote(t.Context()).Resolve(t.Context(), ref)
	return desc, err
}

func TestCredentials(t *testing.T) {
	server := authRegistry(t, plain)
	ref := host(server) + "/app:1"
	for _, c := range []struct {
		name, dir string
		ok        bool
	}{
		{"none", "", false},
		{"right", dockerConfig(t, host(server)), true},
		{"of another port", dockerConfig(t, "127.0.0.1:1"), false},
		{"of the host without port", dockerConfig(t, "127.0.0.1"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := resolve(t, New(Config{DockerConfigDir: c.dir}), ref)
			if (err == nil) != c.ok {
				t.Fatal(err)
			}
			if err == nil {
				return
			}
			named, parseErr := reference.ParseNormalizedNamed(ref)
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			if got := Explain(named, err); !errdefs.IsPermissionDenied(got) || !strings.HasPrefix(got.Error(), "pull access denied for "+host(server)+"/app, ") {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestHubCredentials(t *testing.T) {
	r := New(Config{DockerConfigDir: dockerConfig(t, hubKey)})
	for _, h := range []string{hubHost, hubDomain} {
		if u, s, err := r.credentials(h); u != user || s != secret || err != nil {
			t.Errorf("%s: %q %q %v", h, u, s, err)
		}
	}
	if u, s, err := r.credentials("docker.io.example.com"); u != "" || s != "" || err != nil {
		t.Errorf("a foreign host got %q %q %v", u, s, err)
	}
}

func TestCredentialHelpers(t *testing.T) {
	bin := t.TempDir()
	helper := "#!/bin/sh\nread host\necho '{\"ServerURL\":\"'$host'\",\"Username\":\"<token>\",\"Secret\":\"tok-'$host'\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	r := New(Config{DockerConfigDir: configFile(t, `{"credHelpers":{"a.example":"test","b.example":"absent"}}`)})
	if u, s, err := r.credentials("a.example"); u != "" || s != "tok-a.example" || err != nil {
		t.Errorf("identity token: %q %q %v", u, s, err)
	}
	_, _, err := r.credentials("b.example")
	if err == nil || !strings.Contains(err.Error(), "docker-credential-absent is not on PATH") {
		t.Errorf("missing helper: %v", err)
	}
	if u, s, err := r.credentials("c.example"); u != "" || s != "" || err != nil {
		t.Errorf("unknown host: %q %q %v", u, s, err)
	}
	_, _, err = New(Config{DockerConfigDir: configFile(t, `{`)}).credentials("a.example")
	if err == nil {
		t.Error("a broken config.json is no error")
	}
}

// A blob store to which the registry redirects must not see the password.
func TestRedirectDropsCredentials(t *testing.T) {
	var leaked []string
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "blob")
	}))
	defer store.Close()
	server := authRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") && r.Header.Get("Authorization") != "" {
				http.Redirect(w, r, store.URL, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	remote := New(Config{DockerConfigDir: dockerConfig(t, host(server))}).Remote(t.Context())
	name, _, err := remote.Resolve(t.Context(), host(server)+"/app:1")
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := remote.Fetcher(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := fetcher.Fetch(t.Context(), ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer, Size: 4,
		Digest: "sha256:fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if data, err := io.ReadAll(rc); err != nil || string(data) != "blob" {
		t.Errorf("got %q, %v", data, err)
	}
	if len(leaked) == 0 || slices.ContainsFunc(leaked, func(a string) bool { return a != "" }) {
		t.Errorf("the store saw %q", leaked)
	}
}

func TestRedirectsEnd(t *testing.T) {
	var c http.Client
	if err := bindRedirects(&c); err != nil {
		t.Fatal(err)
	}
	var via []*http.Request
	for range maxRedirects {
		via = append(via, &http.Request{URL: &url.URL{Scheme: "https", Host: "a"}})
	}
	if c.CheckRedirect(&http.Request{URL: &url.URL{Scheme: "https", Host: "a"}}, via) == nil {
		t.Error("a circle of redirects does not end")
	}
	for to, kept := range map[string]bool{"https://a/x": true, "http://a/x": false, "https://a:444/x": false, "https://sub.a/x": false} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{URL: u, Header: http.Header{"Authorization": {"secret"}}}
		if err := c.CheckRedirect(req, via[:1]); err != nil || (req.Header.Get("Authorization") != "") != kept {
			t.Errorf("%s: %v, %v", to, req.Header, err)
		}
	}
}

func TestHostsFile(t *testing.T) {
	mirror := httptest.NewServer(ggcr.New())
	defer mirror.Close()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.ParseReference(host(mirror)+"/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	write := func(domain, text string) {
		t.Helper()
		dir := filepath.Join(root, domain)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("real.example", fmt.Sprintf("server = %q\n[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n", "http://127.0.0.1:1", mirror.URL))
	write("broken.example", "server = \n")
	r := New(Config{HostsDirs: []string{filepath.Join(root, "absent"), root}})
	if _, err := resolve(t, r, "real.example/app:1"); err != nil {
		t.Errorf("mirror: %v", err)
	}
	_, err = resolve(t, r, "broken.example/app:1")
	if err == nil || !strings.Contains(err.Error(), "hosts.toml") {
		t.Errorf("broken: %v", err)
	}
}

func TestTags(t *testing.T) {
	pages := map[string]string{"": `{"tags":["b","a"]}`, "b": `{"tags":["c"]}`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/away/tags/list":
			w.Header().Set("Link", `<http://127.0.0.1:1/v2/x>; rel="next"`)
		case r.URL.Path != "/v2/app/tags/list":
			w.WriteHeader(http.StatusNotFound)
			return
		case r.URL.Query().Get("last") == "":
			w.Header().Set("Link", `</v2/app/tags/list?last=b>; rel="next"`)
		}
		_, _ = io.WriteString(w, pages[r.URL.Query().Get("last")])
	}))
	defer server.Close()
	r := New(Config{})
	list := func(ctx context.Context, repo string) ([]string, error) {
		named, err := reference.ParseNormalizedNamed(host(server) + "/" + repo)
		if err != nil {
			t.Fatal(err)
		}
		return r.Tags(ctx, named)
	}
	if got, err := list(t.Context(), "app"); err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := list(t.Context(), "absent"); !errdefs.IsNotFound(err) {
		t.Errorf("absent: %v", err)
	}
	if _, err := list(t.Context(), "away"); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("away: %v", err)
	}
}

func TestTagsWithPassword(t *testing.T) {
	server := authRegistry(t, plain)
	named, err := reference.ParseNormalizedNamed(host(server) + "/app")
	if err != nil {
		t.Fatal(err)
	}
	got, err := New(Config{DockerConfigDir: dockerConfig(t, host(server))}).Tags(t.Context(), named)
	if err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := New(Config{}).Tags(t.Context(), named); !errdefs.IsPermissionDenied(err) {
		t.Errorf("without: %v", err)
	}
}

func FuzzNextPage(f *testing.F) {
	f.Add(`</v2/app/tags/list?last=b>; rel="next"`)
	f.Add(`rel="next"`)
	f.Add(`<%zz>; rel="next"`)
	f.Fuzz(func(t *testing.T, header string) {
		if u, err := nextPage(header); u != nil && err != nil {
			t.Errorf("both %v and %v", u, err)
		}
	})
}
