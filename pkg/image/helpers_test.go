package image

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
)

// newService makes a Service on an empty in-process containerd.
func newService(t testing.TB) (*Service, *ctrdtest.Store) {
	t.Helper()
	store := ctrdtest.New(t)
	return New(store.Client, testLayout(t), registry.New(registry.Config{})), store
}

func testLayout(t testing.TB) state.Layout {
	t.Helper()
	layout, err := state.NewLayout(t.TempDir(), t.TempDir(), ctrdtest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// tarOf makes a tar of files.
func tarOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// testImage makes an image with a layer for each text, for linux/arch.
func testImage(t testing.TB, arch string, texts ...string) v1.Image {
	t.Helper()
	img := empty.Image
	for _, text := range texts {
		data := tarOf(t, map[string]string{"file-" + text[:min(len(text), 20)]: text})
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "COPY " + text[:min(len(text), 20)], Created: v1.Time{Time: created}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", arch, v1.Time{Time: created}
	file.Config.Env, file.Config.Labels = []string{"PATH=/bin"}, map[string]string{"kind": strings.Join(texts, "+")}
	img, err = mutate.ConfigFile(img, file)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

var created = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)

// archiveOf makes a docker-archive of an image; no tags leave it without a name.
func archiveOf(t testing.TB, img v1.Image, tags ...string) []byte {
	t.Helper()
	all := map[name.Reference]v1.Image{}
	for _, tag := range tags {
		ref, err := name.ParseReference(tag)
		if err != nil {
			t.Fatal(err)
		}
		all[ref] = img
	}
	if len(tags) == 0 {
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.NewDigest("example.com/none@" + d.String())
		if err != nil {
			t.Fatal(err)
		}
		all[ref] = img
	}
	var buf bytes.Buffer
	if err := tarball.MultiRefWrite(all, &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// load loads an archive, failing the test if it cannot be.
func load(t testing.TB, s *Service, data []byte) []Loaded {
	t.Helper()
	loaded, err := s.Load(testContext(t), bytes.NewReader(data), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// registryServer is an in-process registry; its address is plain HTTP on
// 127.0.0.1.
func registryServer(t testing.TB) (server *httptest.Server, host string) {
	t.Helper()
	server = httptest.NewServer(ggcr.New(ggcr.WithReferrersSupport(false), ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return server, strings.TrimPrefix(server.URL, "http://")
}

// push puts an image into a registry and gives its digest.
func push(t testing.TB, ref string, img v1.Image) string {
	t.Helper()
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}
