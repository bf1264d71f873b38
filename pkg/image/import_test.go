package image

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// packed compresses data the given way.
func packed(t testing.TB, kind string, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "zstd":
		enc, err := zstd.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		w = enc
	default:
		return data
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestImport(t *testing.T) {
	root := tarOf(t, map[string]string{"bin/sh": "#!", "etc/passwd": strings.Repeat("root\n", 1000)})
	diffIDs := map[string]bool{}
	for _, kind := range []string{"", "gzip", "zstd"} {
		t.Run(kind, func(t *testing.T) {
			s, store := newService(t)
			ctx := testContext(t)
			id, err := s.Import(ctx, bytes.NewReader(packed(t, kind, root)), ImportOptions{
				Name: "made:1", Changes: []string{`CMD ["sh"]`, "ENV A=b"}, Message: "by hand",
				Platform: &ocispec.Platform{OS: "linux", Architecture: "arm64"},
			})
			if err != nil {
				t.Fatal(err)
			}
			img, err := s.Inspect(ctx, "made:1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if img.ID != id.String() || img.Comment != "by hand" || img.Architecture != "arm64" || img.Config.Cmd[0] != "sh" || len(img.RootFS.Layers) != 1 || img.Created == "" {
				t.Errorf("got %+v", img)
			}
			diffIDs[img.RootFS.Layers[0]] = true
			steps, err := s.History(ctx, "made:1", nil)
			if err != nil || len(steps) != 1 || steps[0].Comment != "by hand" || steps[0].ID != img.ID || steps[0].Tags[0] != "made:1" {
				t.Errorf("history %+v, %v", steps, err)
			}
			if n := len(store.Blobs(t)); n != 3 {
				t.Errorf("%d blobs", n)
			}
		})
	}
	if len(diffIDs) != 1 {
		t.Errorf("the diff id depends on the compression: %v", diffIDs)
	}
}

func TestImportWithoutName(t *testing.T) {
	s, _ := newService(t)
	ctx := testContext(t)
	id, err := s.Import(ctx, bytes.NewReader(tarOf(t, map[string]string{"a": "b"})), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Resolve(ctx, id.String())
	if err != nil || img.Name != "" {
		t.Errorf("got %+v, %v", img, err)
	}
	if _, err := s.Remove(ctx, id.Encoded()[:12], RemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestImportRejects(t *testing.T) {
	root := tarOf(t, map[string]string{"a": strings.Repeat("x", 4096)})
	zipped := packed(t, "gzip", root)
	for name, c := range map[string]struct {
		data []byte
		opts ImportOptions
	}{
		"empty":        {nil, ImportOptions{}},
		"text":         {[]byte(strings.Repeat("no tar at all ", 100)), ImportOptions{}},
		"cut tar":      {root[:1500], ImportOptions{}},
		"cut gzip":     {zipped[:len(zipped)-10], ImportOptions{}},
		"change":       {root, ImportOptions{Changes: []string{"RUN x"}}},
		"name":         {root, ImportOptions{Name: "NOT/VALID"}},
		"broken magic": {append([]byte{0x1f, 0x8b}, root...), ImportOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := newService(t)
			_, err := s.Import(testContext(t), bytes.NewReader(c.data), c.opts)
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("got %v", err)
			}
			if left := store.Blobs(t); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}
