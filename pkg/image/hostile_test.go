package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
)

// tarLayer makes a tar of the given entries; files hold text.
func tarLayer(t testing.TB, text string, entries ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range entries {
		h := entries[i]
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(text))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// withLayers is an archive of an image of these layers, which are what the
// configuration says.
func withLayers(t testing.TB, layers ...[]byte) []byte {
	t.Helper()
	config := struct {
		OS, Architecture string
		RootFS           struct {
			Type    string          `json:"type"`
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}{OS: "linux", Architecture: "amd64"}
	config.RootFS.Type = "layers"
	files := map[string]string{}
	var names []string
	for i, l := range layers {
		plain := l
		if z, err := gzip.NewReader(bytes.NewReader(l)); err == nil {
			if plain, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		names = append(names, fmt.Sprintf("layer%d", i))
		files[names[i]] = string(l)
	}
	files["c"] = mustJSON(t, config)
	files["manifest.json"] = mustJSON(t, []any{map[string]any{"Config": "c", "RepoTags": []string{"hostile:1"}, "Layers": names}})
	return tarOf(t, files)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// checkEmpty fails if a failed command left anything.
func checkEmpty(ctx context.Context, t *testing.T, s *Service, store *ctrdtest.Store) {
	t.Helper()
	if left := store.Blobs(t); len(left) > 0 {
		t.Errorf("left content %v", left)
	}
	if left := store.SnapshotNames(t); len(left) > 0 {
		t.Errorf("left snapshots %v", left)
	}
	if list, err := s.List(ctx, ListOptions{}); err != nil || len(list) > 0 {
		t.Errorf("left images %v, %v", list, err)
	}
}

// TestHostileLayers loads layers that want out of the root file system. Whether
// they are refused or unpacked inside, nothing outside may change.
func TestHostileLayers(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 40)
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	sym := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	hard := func(name, to string) tar.Header { return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to} }
	for name, layers := range map[string][][]byte{
		"absolute path":                  {tarLayer(t, "x", file(victim))},
		"dots":                           {tarLayer(t, "x", file(up+victim))},
		"link out":                       {tarLayer(t, "x", sym("d", outside), file("d/victim"))},
		"link out with dots":             {tarLayer(t, "x", sym("d", up+outside), file("d/victim"))},
		"link out in the layer below":    {tarLayer(t, "x", sym("d", outside)), tarLayer(t, "x", file("d/victim"))},
		"link of links":                  {tarLayer(t, "x", sym("a", "/"), sym("b", "a"+outside), file("b/victim"))},
		"link in a circle":               {tarLayer(t, "x", sym("a", "b"), sym("b", "a"), file("a/victim"))},
		"hard link out":                  {tarLayer(t, "x", hard("h", victim), file("h"))},
		"hard link out with dots":        {tarLayer(t, "x", hard("h", up+victim), file("h"))},
		"hard link through a link":       {tarLayer(t, "x", sym("d", outside), hard("h", "d/victim"), file("h"))},
		"file replaced by a link":        {tarLayer(t, "x", file("f"), sym("f", victim), file("f"))},
		"whiteout of a folder above":     {tarLayer(t, "", file("../.wh."+filepath.Base(outside)))},
		"whiteout through a link":        {tarLayer(t, "", sym("d", outside), file("d/.wh.victim"))},
		"opaque through a link":          {tarLayer(t, "", sym("d", outside), file("d/.wh..wh..opq"))},
		"device":                         {tarLayer(t, "", tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8})},
		"zeros":                          {gzipped(t, tarLayer(t, strings.Repeat("\x00", 64<<20), file("zeros")))},
		"negative number of a device":    {tarLayer(t, "", tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: -1, Devminor: -1})},
		"the root itself is no folder":   {tarLayer(t, "x", file("."))},
		"a name that no file can have":   {tarLayer(t, "x", file(strings.Repeat("n", 300)))},
		"an entry of an unknown kind":    {tarLayer(t, "", tar.Header{Typeflag: 'Z', Name: "z"})},
		"whiteout of the root":           {tarLayer(t, "", file(".wh.."), file(".wh."))},
		"link that replaces its folders": {tarLayer(t, "x", file("a/b/c"), sym("a", outside), file("a/victim"))},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := newService(t)
			ctx := testContext(t)
			_, err := s.Load(ctx, bytes.NewReader(withLayers(t, layers...)), LoadOptions{})
			if data, rerr := os.ReadFile(victim); rerr != nil || string(data) != "before" {
				t.Fatalf("it changed what is outside: %q, %v", data, rerr)
			}
			if all, rerr := os.ReadDir(outside); rerr != nil || len(all) != 1 {
				t.Fatalf("it left something outside: %v, %v", all, rerr)
			}
			if err == nil {
				return
			}
			t.Log(err)
			if !errdefs.IsInvalidArgument(err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			checkEmpty(ctx, t, s, store)
		})
	}
}

// indexed is an OCI archive whose top index is the last of the documents, each of
// which may name those before it.
func indexed(t *testing.T, copies, depth int) []byte {
	t.Helper()
	files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`
	blob := func(kind, text string) ocispec.Descriptor {
		d := digest.FromString(text)
		files["blobs/sha256/"+d.Encoded()] = text
		return ocispec.Descriptor{MediaType: kind, Digest: d, Size: int64(len(text))}
	}
	at := blob(ocispec.MediaTypeImageManifest, mustJSON(t, ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest, Config: blob(ocispec.MediaTypeImageConfig, config), Layers: []ocispec.Descriptor{},
	}))
	for range depth {
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
		for range copies {
			index.Manifests = append(index.Manifests, at)
		}
		at = blob(ocispec.MediaTypeImageIndex, mustJSON(t, index))
	}
	files["index.json"] = mustJSON(t, ocispec.Index{Manifests: []ocispec.Descriptor{at}})
	return tarOf(t, files)
}

// TestHostileIndexes loads indexes that name each other so often that following
// each of them would take for ever.
func TestHostileIndexes(t *testing.T) {
	for name, c := range map[string]struct {
		copies, depth int
		ok            bool
	}{"usual": {2, 1, true}, "wide": {300, 3, true}, "deep": {1, 40, false}, "wide and deep": {60, 20, false}} {
		t.Run(name, func(t *testing.T) {
			s, store := newService(t)
			ctx, cancel := context.WithTimeout(testContext(t), 30*time.Second)
			defer cancel()
			_, err := s.Load(ctx, bytes.NewReader(indexed(t, c.copies, c.depth)), LoadOptions{})
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				if !errdefs.IsInvalidArgument(err) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got %v", err)
				}
				checkEmpty(testContext(t), t, s, store)
			}
		})
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"layers":[{"size":-1,"digest":"sha256:x"}]}`), []byte(`{"rootfs":{"diff_ids":["a"]}}`))
	f.Add([]byte(`{"config":null}`), []byte(`[]`))
	f.Add([]byte(`{"layers":[{"mediaType":"`+ocispec.MediaTypeImageLayerGzip+`"}]}`), []byte(`{"os":"linux","config":{"Env":[""]}}`))
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		store := ctrdtest.New(t)
		s := New(store.Client, testLayout(t), nil)
		ctx := testContext(t)
		put := func(kind string, data []byte) ocispec.Descriptor {
			d := digest.FromBytes(data)
			desc := ocispec.Descriptor{MediaType: kind, Digest: d, Size: int64(len(data))}
			if err := s.store(ctx, &document{desc: desc, data: data}); err != nil && len(data) > 0 {
				t.Fatal(err)
			}
			return desc
		}
		put(ocispec.MediaTypeImageConfig, config)
		desc := put(ocispec.MediaTypeImageManifest, manifest)
		if _, err := variants(ctx, s.client.Content(), desc); err != nil && strings.Contains(err.Error(), "panic") {
			t.Error(err)
		}
	})
}
