package image

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
)

// faulty is a registry whose first answers to some requests are a fault.
type faulty struct {
	mu    sync.Mutex
	left  int // faults to come
	match func(*http.Request) bool
	fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)
	hits  int
}

func (f *faulty) start(t *testing.T, backend string) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		hit := f.left > 0 && f.match(r)
		if hit {
			f.left--
			f.hits++
		}
		f.mu.Unlock()
		if hit {
			f.fault(w, r, proxy)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strip(server)
}

func all(*http.Request) bool { return true }

// cut breaks the connection, as a network does.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close() // the fault
	}
}

func later(status int, after string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
	}
}

// half passes on half of a blob and breaks off.
func half(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	whole := httptest.NewRecorder()
	pass.ServeHTTP(whole, r)
	for key, values := range whole.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	cut(w)
}

// halfUpload reads half of what is sent and breaks off.
func halfUpload(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	cut(w)
}

func randomText(n int) string {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte('a' + rand.IntN(26)) //nolint:gosec // any bytes will do
	}
	return string(data)
}

func TestPullFaults(t *testing.T) {
	blob := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
	}
	for name, f := range map[string]*faulty{
		"too many requests":     {left: 4, match: all, fault: later(429, "0")},
		"unavailable":           {left: 4, match: all, fault: later(503, "0")},
		"cut in the middle":     {left: 3, match: blob, fault: half},
		"cut at the beginning":  {left: 2, match: blob, fault: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(w) }},
		"cut before a manifest": {left: 1, match: all, fault: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(w) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newService(t)
			_, backend := registryServer(t)
			want := push(t, backend+"/app:1", testImage(t, "amd64", "a", "b"))
			before := f.left
			pulled, err := s.Pull(testContext(t), f.start(t, backend)+"/app:1", PullOptions{})
			if err != nil || pulled.Digest.String() != want {
				t.Errorf("got %+v, %v", pulled, err)
			}
			if f.hits != before {
				t.Errorf("%d faults, want %d", f.hits, before)
			}
		})
	}
}

func TestPushFaults(t *testing.T) {
	put := func(r *http.Request) bool { return r.Method == http.MethodPut }
	blob := func(r *http.Request) bool {
		return (r.Method == http.MethodPut || r.Method == http.MethodPatch) && r.ContentLength > 1<<20
	}
	for name, f := range map[string]*faulty{
		"too many requests": {left: 4, match: put, fault: later(429, "0")},
		"unavailable":       {left: 3, match: put, fault: later(503, "0")},
		"cut in the middle": {left: 2, match: blob, fault: halfUpload},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newService(t)
			ctx := testContext(t)
			_, backend := registryServer(t)
			host := f.start(t, backend)
			before := f.left
			load(t, s, archiveOf(t, bigImage(t), host+"/app:1"))
			pushed, err := s.Push(ctx, host+"/app:1", PushOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if f.hits != before {
				t.Errorf("%d faults, want %d", f.hits, before)
			}
			other, _ := newService(t)
			pulled, err := other.Pull(ctx, backend+"/app:1", PullOptions{})
			if err != nil || pulled.Digest != pushed.Digest {
				t.Errorf("got %+v, %v", pulled, err)
			}
		})
	}
}

// bigImage has a layer of some megabytes that does not compress well.
func bigImage(t *testing.T) v1.Image { return testImage(t, "amd64", randomText(4<<20)) }

// oversized serves any manifest as one of so many bytes.
func oversized(t *testing.T, size int, say bool) string {
	t.Helper()
	body := []byte(`{"schemaVersion":2,"mediaType":"` + string(types.OCIManifestSchema1) + `","pad":"` + strings.Repeat("x", size) + `"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		if say {
			w.Header().Set("Docker-Content-Digest", digest.FromBytes(body).String())
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		if r.Method != http.MethodHead {
			_, _ = io.Copy(w, bytes.NewReader(body)) // whoever asked may have gone
		}
	}))
	t.Cleanup(server.Close)
	return strip(server)
}

func TestPullOversizedManifest(t *testing.T) {
	for name, host := range map[string]string{
		"10 MB": oversized(t, 10<<20, true), "10 MB without a length": oversized(t, 10<<20, false),
	} {
		t.Run(name, func(t *testing.T) {
			s, store := newService(t)
			_, err := s.Pull(testContext(t), host+"/app:1", PullOptions{})
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "/app:1 is larger than the ") {
				t.Errorf("got %v", err)
			}
			if left := store.Blobs(t); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestPullWrongDigest(t *testing.T) {
	s, store := newService(t)
	server, host := registryServer(t)
	push(t, host+"/app:1", testImage(t, "amd64", "a"))
	_, err := s.Pull(testContext(t), strip(tamper(t, server.URL))+"/app:1", PullOptions{})
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestThousandTags(t *testing.T) {
	s, _ := newService(t)
	_, host := registryServer(t)
	img := testImage(t, "amd64", "a")
	push(t, host+"/app:t0000", img)
	for i := range 1000 {
		tag, err := name.NewTag(fmt.Sprintf("%s/app:t%04d", host, i), name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Tag(tag, img); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := reference.ParseNormalizedNamed(host + "/app")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := s.RemoteTags(testContext(t), repo)
	if err != nil || len(tags) != 1000 || tags[0] != "t0000" || tags[999] != "t0999" {
		t.Errorf("%d tags, %v", len(tags), err)
	}
}
