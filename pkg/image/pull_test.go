package image

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pushIndex pushes an index of images for several architectures.
func pushIndex(t testing.TB, ref string, images map[string]v1.Image) string {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for arch, img := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
	d, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestPull(t *testing.T) {
	s, store := newService(t)
	ctx := testContext(t)
	_, host := registryServer(t)
	first := push(t, host+"/app:1", testImage(t, "amd64", "a", "b"))

	var mu sync.Mutex
	phases := map[string][]Phase{}
	pulled, err := s.Pull(ctx, host+"/app:1", PullOptions{Progress: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		phases[e.Layer.String()] = append(phases[e.Layer.String()], e.Phase)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !pulled.New || pulled.Digest.String() != first || pulled.Image.ID() != first || pulled.Name != host+"/app:1" {
		t.Errorf("got %+v", pulled)
	}
	if len(phases) != 2 {
		t.Errorf("events of %d layers, want 2", len(phases))
	}
	for layer, p := range phases {
		if !slices.IsSorted(p) || p[0] != Waiting || p[len(p)-1] != Complete {
			t.Errorf("%s: phases %v", layer, p)
		}
	}
	again, err := s.Pull(ctx, host+"/app:1", PullOptions{})
	if err != nil || again.New {
		t.Errorf("again: %+v, %v", again, err)
	}
	// A tag that moves leaves the old image dangling.
	push(t, host+"/app:1", testImage(t, "amd64", "c"))
	moved, err := s.Pull(ctx, host+"/app:1", PullOptions{})
	if err != nil || !moved.New || moved.Digest.String() == first {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	byDigest, err := s.Pull(ctx, host+"/app@"+first, PullOptions{})
	if err != nil || byDigest.Digest.String() != first || byDigest.Name != host+"/app@"+first {
		t.Errorf("by digest: %+v, %v", byDigest, err)
	}
	list, err := s.List(ctx, ListOptions{})
	if err != nil || len(list) != 2 {
		t.Fatalf("list: %+v, %v", list, err)
	}
	for _, i := range list {
		if i.Size <= 0 || len(i.RepoDigests) != 1 {
			t.Errorf("summary %+v", i)
		}
	}
	if len(store.Blobs(t)) != 4+3 {
		t.Errorf("blobs: %v", store.Blobs(t))
	}
}

func TestPullPlatforms(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	_, host := registryServer(t)
	digest := pushIndex(t, host+"/multi:1", map[string]v1.Image{"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b")})
	push(t, host+"/single:1", testImage(t, "amd64", "a"))
	arm := &ocispec.Platform{OS: "linux", Architecture: "arm64"}

	pulled, err := s.Pull(ctx, host+"/multi:1", PullOptions{})
	if err != nil || pulled.Image.ID() != digest || pulled.Image.Platform.Architecture != "amd64" {
		t.Fatalf("got %+v, %v", pulled, err)
	}
	if _, err := s.ResolveFor(ctx, host+"/multi:1", arm); !errdefs.IsNotFound(err) {
		t.Errorf("arm64 before its pull: %v", err)
	}
	pulled, err = s.Pull(ctx, host+"/multi:1", PullOptions{Platforms: []ocispec.Platform{*arm}})
	if err != nil || pulled.Image.Platform.Architecture != "arm64" {
		t.Fatalf("arm64: %+v, %v", pulled, err)
	}
	img, err := s.Resolve(ctx, host+"/multi:1")
	if err != nil || img.Platform.Architecture != "amd64" {
		t.Errorf("the host's platform does not come first: %+v, %v", img, err)
	}
	riscv := &ocispec.Platform{OS: "linux", Architecture: "riscv64"}
	for _, ref := range []string{"multi:1", "single:1"} {
		_, err = s.Pull(ctx, host+"/"+ref, PullOptions{Platforms: []ocispec.Platform{*riscv}})
		if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "riscv64") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := s.Resolve(ctx, host+"/single:1"); !errdefs.IsNotFound(err) {
		t.Errorf("a pull for the wrong platform left an image: %v", err)
	}
}

func TestPullFailures(t *testing.T) {
	s, store := newService(t)
	ctx := testContext(t)
	server, host := registryServer(t)
	push(t, host+"/app:1", testImage(t, "amd64", "a"))
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer denied.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	tampered := tamper(t, server.URL)
	for ref, want := range map[string]string{
		host + "/app:2":               "manifest for " + host + "/app:2 not found: manifest unknown",
		host + "/other":               "manifest for " + host + "/other:latest not found: manifest unknown",
		host + "/app@sha256:" + zeros: "manifest for " + host + "/app@sha256:" + zeros + " not found: manifest unknown",
		strip(denied) + "/app":        "pull access denied for " + strip(denied) + "/app, repository does not exist or may require authorization",
		strip(broken) + "/app":        "registry " + strip(broken) + " answered 500",
		strip(gone) + "/app":          "registry " + strip(gone) + " cannot be reached: dial tcp",
		"no-such-host.invalid/app":    "registry no-such-host.invalid cannot be reached: ",
		strip(tampered) + "/app:1":    "",
		"Not A Reference":             "invalid reference format",
	} {
		_, err := s.Pull(ctx, ref, PullOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", ref, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", ref, err)
		}
	}
	if list, err := s.List(ctx, ListOptions{}); err != nil || len(list) > 0 {
		t.Errorf("left images %v, %v", list, err)
	}
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left content %v", left)
	}
	if left := store.SnapshotNames(t); len(left) > 0 {
		t.Errorf("left snapshots %v", left)
	}
}

func strip(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// tamper is a registry that serves wrong bytes for blobs.
func tamper(t testing.TB, upstream string) *httptest.Server {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			_, _ = w.Write([]byte("not what was asked for"))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestPullCancelled(t *testing.T) {
	s, store := newService(t)
	ctx, cancel := context.WithCancel(testContext(t))
	_, host := registryServer(t)
	push(t, host+"/app:1", testImage(t, "amd64", "a", "b", "c"))
	_, err := s.Pull(ctx, host+"/app:1", PullOptions{Progress: func(e Event) {
		if e.Phase == Downloading {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("no error")
	}
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left content %v", left)
	}
}

func TestSaveAndLoad(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	_, host := registryServer(t)
	pushIndex(t, host+"/multi:1", map[string]v1.Image{"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b")})
	if _, err := s.Pull(ctx, host+"/multi:1", PullOptions{}); err != nil {
		t.Fatal(err)
	}
	single := load(t, s, archiveOf(t, testImage(t, "amd64", "c"), "app:1", "app:2"))[0]
	for _, c := range []struct {
		name  string
		refs  []string
		names []string
	}{
		{"tag", []string{"app:1"}, []string{"app:1"}},
		{"repository", []string{"app"}, []string{"app:1", "app:2"}},
		{"id", []string{single.ID.String()}, []string{""}},
		{"several", []string{"app:2", host + "/multi:1"}, []string{"app:2", host + "/multi:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := s.Save(ctx, c.refs, &buf, SaveOptions{}); err != nil {
				t.Fatal(err)
			}
			other, _ := newService(t)
			loaded := load(t, other, buf.Bytes())
			var names []string
			for _, l := range loaded {
				names = append(names, l.Name)
				before, err := s.Resolve(ctx, l.ID.String())
				if err != nil {
					t.Fatal(err)
				}
				after, err := other.Resolve(ctx, l.ID.String())
				if err != nil {
					t.Fatal(err)
				}
				before.Name, after.Name, before.Target, after.Target = "", "", ocispec.Descriptor{}, ocispec.Descriptor{}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Error(diff)
				}
			}
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Error(diff)
			}
		})
	}
	for ref, want := range map[string]string{"absent": "No such image: absent:latest", "app:3": "No such image: app:3"} {
		var buf bytes.Buffer
		if err := s.Save(ctx, []string{"app:1", ref}, &buf, SaveOptions{}); errText(err) != want || buf.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", ref, err, buf.Len())
		}
	}
	arm := []ocispec.Platform{{OS: "linux", Architecture: "arm64"}}
	if err := s.Save(ctx, []string{host + "/multi:1"}, &bytes.Buffer{}, SaveOptions{Platforms: arm}); !errdefs.IsNotFound(err) {
		t.Errorf("a platform that is not here: %v", err)
	}
}

func TestPullSeveralPlatforms(t *testing.T) {
	_, host := registryServer(t)
	ref := host + "/multi:1"
	pushIndex(t, ref, map[string]v1.Image{
		"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b"), "s390x": testImage(t, "s390x", "c"),
	})
	linux := func(arch string) ocispec.Platform { return ocispec.Platform{OS: "linux", Architecture: arch} }
	for _, c := range []struct {
		name      string
		opts      PullOptions
		here      []string // in order
		snapshots int
	}{
		{"all", PullOptions{AllPlatforms: true}, []string{"amd64", "arm64", "s390x"}, 1},
		{"two", PullOptions{Platforms: []ocispec.Platform{linux("arm64"), linux("s390x")}}, []string{"arm64", "s390x"}, 0},
		{"another", PullOptions{Platforms: []ocispec.Platform{linux("arm64")}}, []string{"arm64"}, 1},
		{"not unpacked", PullOptions{NoUnpack: true}, []string{"amd64"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, store := newService(t)
			ctx := testContext(t)
			pulled, err := s.Pull(ctx, ref, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := pulled.Image.Platform.Architecture; got != c.here[0] {
				t.Errorf("the image is of %s, want %s", got, c.here[0])
			}
			for _, arch := range []string{"amd64", "arm64", "s390x"} {
				p := linux(arch)
				if _, err := s.ResolveFor(ctx, ref, &p); (err == nil) != slices.Contains(c.here, arch) {
					t.Errorf("%s: %v", arch, err)
				}
			}
			if left := store.SnapshotNames(t); len(left) != c.snapshots {
				t.Errorf("snapshots %v, want %d", left, c.snapshots)
			}
			if err := s.EnsureUnpacked(ctx, pulled.Image, ""); err != nil {
				t.Errorf("unpacking it later: %v", err)
			}
		})
	}
	s, store := newService(t)
	_, err := s.Pull(testContext(t), ref, PullOptions{Platforms: []ocispec.Platform{linux("amd64"), linux("riscv64")}})
	if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("one of two is not there: %v", err)
	}
	if list, err := s.List(testContext(t), ListOptions{}); err != nil || len(list) > 0 {
		t.Errorf("it left %v %v %v", list, err, store.Blobs(t))
	}
}
