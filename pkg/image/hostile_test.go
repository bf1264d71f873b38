package image

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/ctrd/ctrdtest"
)

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
