package image

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layerOf gives Commit a layer with one file.
func layerOf(t testing.TB, name string) func(io.Writer, string) (Written, error) {
	t.Helper()
	data := tarOf(t, map[string]string{name: strings.Repeat(name, 1000)})
	return func(w io.Writer, _ string) (Written, error) {
		_, err := w.Write(data)
		return Written{}, err
	}
}

func imported(t testing.TB, s *Service) digest.Digest {
	t.Helper()
	id, err := s.Import(testContext(t), bytes.NewReader(tarOf(t, map[string]string{"base": "b"})), ImportOptions{Name: "base:1"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCommit(t *testing.T) {
	for _, c := range []struct{ compression, format, layer, manifest string }{
		{"", "", ocispec.MediaTypeImageLayerZstd, ocispec.MediaTypeImageManifest},
		{"gzip", "", ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageManifest},
		{"uncompressed", "oci", ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageManifest},
		{"", "docker", dockerTypes.gzip, dockerTypes.manifest},
		{"uncompressed", "docker", dockerTypes.layer, dockerTypes.manifest},
	} {
		t.Run(c.compression+" "+c.format, func(t *testing.T) {
			s, store := newService(t)
			ctx := testContext(t)
			id, err := s.Commit(ctx, CommitOptions{
				Image: imported(t, s), Name: "made:1", Author: "me", Message: "by hand", Command: "sh -c x", Layer: layerOf(t, "new"),
				Config:  dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{Cmd: []string{"sh"}, Env: []string{"A=b"}}},
				Changes: []string{"ENV C=d"}, Compression: c.compression, Format: c.format,
			})
			if err != nil {
				t.Fatal(err)
			}
			img, err := s.Inspect(ctx, "made:1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if img.ID != id.String() || img.Author != "me" || img.Comment != "by hand" || len(img.RootFS.Layers) != 2 || strings.Join(img.Config.Env, " ") != "A=b C=d" {
				t.Errorf("got %+v", img)
			}
			steps, err := s.History(ctx, "made:1", nil)
			if err != nil || len(steps) != 2 || steps[0].CreatedBy != "sh -c x" || steps[0].Comment != "by hand" {
				t.Errorf("history %+v, %v", steps, err)
			}
			var manifest ocispec.Manifest
			if err := readJSON(store.Context(t), store.Content(), ocispec.Descriptor{Digest: id}, &manifest); err != nil {
				t.Fatal(err)
			}
			if got := manifest.Layers[1].MediaType; got != c.layer || manifest.MediaType != c.manifest {
				t.Errorf("the layer is %s in %s", got, manifest.MediaType)
			}
			// All of it survives garbage collection, and can be used.
			if err := s.EnsureUnpacked(ctx, mustResolve(t, s, "made:1"), ""); err != nil {
				t.Error(err)
			}
			if err := s.Save(ctx, []string{"made:1"}, io.Discard, SaveOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func mustResolve(t testing.TB, s *Service, ref string) *Image {
	t.Helper()
	img, err := s.Resolve(testContext(t), ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Without a change there is no new layer, and what was begun is gone.
func TestCommitOfNothing(t *testing.T) {
	s, store := newService(t)
	ctx := testContext(t)
	base := imported(t, s)
	before := len(store.Blobs(t))
	id, err := s.Commit(ctx, CommitOptions{Image: base, Layer: func(io.Writer, string) (Written, error) { return Written{Empty: true}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Inspect(ctx, id.String(), nil)
	if err != nil || len(img.RootFS.Layers) != 1 {
		t.Errorf("got %+v, %v", img.RootFS, err)
	}
	if got := len(store.Blobs(t)); got != before+2 {
		t.Errorf("%d blobs came, want a configuration and a manifest", got-before)
	}
}

func TestCommitRejects(t *testing.T) {
	s, store := newService(t)
	base := imported(t, s)
	before := len(store.Blobs(t))
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		opts CommitOptions
		want string
		kind error
	}{
		"a bad name":        {CommitOptions{Image: base, Name: "UPPER"}, "must be lowercase", errdefs.ErrInvalidArgument},
		"a bad instruction": {CommitOptions{Image: base, Changes: []string{"RUN x"}}, "RUN is not a valid change command", errdefs.ErrInvalidArgument},
		"a bad format":      {CommitOptions{Image: base, Format: "x"}, "docker or oci is expected", errdefs.ErrInvalidArgument},
		"a bad compression": {CommitOptions{Image: base, Compression: "x", Layer: layerOf(t, "n")}, "gzip, zstd or uncompressed is expected", errdefs.ErrInvalidArgument},
		"zstd for Docker":   {CommitOptions{Image: base, Compression: "zstd", Format: "docker"}, "no layers in zstd", errdefs.ErrInvalidArgument},
		"an image that is gone": {
			CommitOptions{Image: digest.FromString("none"), Name: "x:1"}, "no longer here", errdefs.ErrNotFound,
		},
		"a failure on the way": {CommitOptions{Image: base, Name: "x:1", Layer: func(w io.Writer, _ string) (Written, error) {
			_, err := w.Write(make([]byte, 3<<20))
			return Written{}, errors.Join(broken, err)
		}}, "broken", broken},
	} {
		_, err := s.Commit(testContext(t), c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := len(store.Blobs(t)); got != before {
		t.Errorf("%d blobs were left", got-before)
	}
}

// An entry point puts away the command that belonged to the one before.
func TestEntrypointAndCommand(t *testing.T) {
	for _, c := range []struct {
		changes    []string
		entry, cmd string
	}{
		{[]string{`ENTRYPOINT ["e"]`}, "e", ""},
		{[]string{`CMD ["c"]`, `ENTRYPOINT ["e"]`}, "e", "c"},
		{[]string{`ENTRYPOINT ["e"]`, `CMD ["c"]`}, "e", "c"},
		{[]string{"CMD"}, "old", ""},
		{[]string{"CMD x y"}, "old", "/bin/ash -ec x y"},
	} {
		got := dockerspec.DockerOCIImageConfig{
			ImageConfig:             ocispec.ImageConfig{Entrypoint: []string{"old"}, Cmd: []string{"arg"}},
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Shell: []string{"/bin/ash", "-ec"}},
		}
		if err := applyChanges(&got, c.changes); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got.Entrypoint, " ") != c.entry || strings.Join(got.Cmd, " ") != c.cmd {
			t.Errorf("%q: %q %q", c.changes, got.Entrypoint, got.Cmd)
		}
	}
}
