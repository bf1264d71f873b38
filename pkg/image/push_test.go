package image

import (
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
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// counter is a registry that notes what is sent to it.
type counter struct {
	mu      sync.Mutex
	uploads int // requests that begin the upload of a blob
}

func (c *counter) start(t *testing.T, host string) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if r.Method == http.MethodPost {
			c.uploads++
		}
		c.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (c *counter) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.uploads
	c.uploads = 0
	return n
}

func TestPush(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	_, backend := registryServer(t)
	var sent counter
	host := sent.start(t, backend)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a", "b"), host+"/app:1"))

	var mu sync.Mutex
	ends := map[Phase]int{}
	opts := PushOptions{Progress: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		ends[e.Phase]++
	}}
	pushed, err := s.Push(ctx, host+"/app:1", opts)
	if err != nil {
		t.Fatal(err)
	}
	if uploads := sent.take(); uploads != 3 || ends[Uploaded] != 2 || pushed.Size == 0 {
		t.Errorf("%d uploads, events %v, %+v", uploads, ends, pushed)
	}
	pulled, err := s.Pull(ctx, host+"/app:1", PullOptions{})
	if err != nil || pulled.Digest != pushed.Digest || pulled.New {
		t.Errorf("what comes back is %+v, %v", pulled, err)
	}
	// Nothing has changed: nothing is sent.
	if _, err := s.Push(ctx, host+"/app:1", opts); err != nil {
		t.Fatal(err)
	}
	if uploads := sent.take(); uploads != 0 || ends[Exists] != 2 {
		t.Errorf("%d uploads of an unchanged image, events %v", uploads, ends)
	}
}

// TestPushOfSomePlatforms pushes an index of which not all is here.
func TestPushOfSomePlatforms(t *testing.T) {
	ctx := testContext(t)
	_, host := registryServer(t)
	whole := pushIndex(t, host+"/multi:1", map[string]v1.Image{
		"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b"), "s390x": testImage(t, "s390x", "c"),
	})
	platform := func(arch string) ocispec.Platform { return ocispec.Platform{OS: "linux", Architecture: arch} }
	for _, c := range []struct {
		name    string
		here    []string
		opts    PushOptions
		missing []string
		pulls   []string // architectures that the pushed name has
		kind    func(error) bool
	}{
		{"all", []string{"amd64", "arm64", "s390x"}, PushOptions{AllPlatforms: true}, nil, []string{"amd64", "arm64", "s390x"}, nil},
		{"one", []string{"arm64"}, PushOptions{}, []string{"linux/amd64", "linux/s390x"}, []string{"arm64"}, nil},
		{"two", []string{"amd64", "arm64"}, PushOptions{}, []string{"linux/s390x"}, []string{"amd64", "arm64"}, nil},
		{"two, all wanted", []string{"amd64", "arm64"}, PushOptions{AllPlatforms: true}, nil, nil, errdefs.IsNotFound},
		{"chosen", []string{"amd64", "arm64"}, PushOptions{Platforms: []ocispec.Platform{platform("amd64")}}, []string{"linux/s390x"}, []string{"amd64"}, nil},
		{"chosen, absent", []string{"amd64"}, PushOptions{Platforms: []ocispec.Platform{platform("s390x")}}, nil, nil, errdefs.IsNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newService(t)
			for _, arch := range c.here {
				p := platform(arch)
				if _, err := s.Pull(ctx, host+"/multi:1", PullOptions{Platforms: []ocispec.Platform{p}}); err != nil {
					t.Fatal(err)
				}
			}
			name := host + "/" + strings.ReplaceAll(strings.ReplaceAll(c.name, ",", ""), " ", "-") + ":1"
			if err := s.Tag(ctx, host+"/multi:1", name); err != nil {
				t.Fatal(err)
			}
			pushed, err := s.Push(ctx, name, c.opts)
			if c.kind != nil {
				if !c.kind(err) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(pushed.Missing)
			if diff := cmp.Diff(c.missing, pushed.Missing); diff != "" {
				t.Errorf("missing: %s", diff)
			}
			if same := pushed.Digest.String() == whole; same != (len(c.missing) == 0) {
				t.Errorf("pushed %s of %s", pushed.Digest, whole)
			}
			for _, arch := range []string{"amd64", "arm64", "s390x"} {
				other, _ := newService(t)
				p := platform(arch)
				if _, err := other.Pull(ctx, name, PullOptions{Platforms: []ocispec.Platform{p}}); (err == nil) != slices.Contains(c.pulls, arch) {
					t.Errorf("pulling %s: %v", arch, err)
				}
			}
		})
	}
}

func TestPushRefuses(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	for ref, kind := range map[string]func(error) bool{
		"localhost/none:1": errdefs.IsNotFound,
		"Bad":              errdefs.IsInvalidArgument,
		"localhost/x@sha256:" + strings.Repeat("0", 64): errdefs.IsInvalidArgument,
	} {
		if _, err := s.Push(ctx, ref, PushOptions{}); !kind(err) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestTags(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	load(t, s, archiveOf(t, testImage(t, "amd64", "a"), "example.com/app:2", "example.com/app:1", "example.com/apple:1", "example.com/app/sub:1"))
	repo, err := ParseName("example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := s.Tags(ctx, repo)
	if err != nil || len(tags) != 2 || tags[0].String() != "example.com/app:1" || tags[1].String() != "example.com/app:2" {
		t.Errorf("got %v, %v", tags, err)
	}
	none, err := ParseName("example.com/none")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tags(ctx, none); !errdefs.IsNotFound(err) {
		t.Errorf("none: %v", err)
	}
}

// TestPushTagsOnce has nobody find a part of an image under its tag meanwhile.
func TestPushTagsOnce(t *testing.T) {
	_, backend := registryServer(t)
	var mu sync.Mutex
	var tagged []string
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/2") {
			mu.Lock()
			tagged = append(tagged, r.Header.Get("Content-Type"))
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	s, _ := newService(t)
	ctx := testContext(t)
	want := pushIndex(t, backend+"/multi:1", map[string]v1.Image{"amd64": testImage(t, "amd64", "a"), "arm64": testImage(t, "arm64", "b")})
	if _, err := s.Pull(ctx, backend+"/multi:1", PullOptions{AllPlatforms: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, backend+"/multi:1", strip(server)+"/copy:2"); err != nil {
		t.Fatal(err)
	}
	pushed, err := s.Push(ctx, strip(server)+"/copy:2", PushOptions{})
	if err != nil || pushed.Digest.String() != want {
		t.Fatalf("got %+v, %v", pushed, err)
	}
	if len(tagged) != 1 || !strings.Contains(tagged[0], "index") {
		t.Errorf("the tag was given to %v", tagged)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		other, _ := newService(t)
		if _, err := other.Pull(ctx, strip(server)+"/copy:2", PullOptions{Platforms: []ocispec.Platform{{OS: "linux", Architecture: arch}}}); err != nil {
			t.Error(err)
		}
	}
}
