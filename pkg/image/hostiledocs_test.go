package image

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestHostileDocuments loads images whose documents are larger or deeper than any
// program would write, each refused in one line that is not as long as they are.
func TestHostileDocuments(t *testing.T) {
	nested := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	huge := strings.Repeat("x", 20<<20)
	const config = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}%s}`
	for name, c := range map[string]struct{ config, annotation string }{
		"nested":           {fmt.Sprintf(config, `,"more":`+nested), ""},
		"huge annotation":  {fmt.Sprintf(config, ""), huge},
		"huge label":       {fmt.Sprintf(config, `,"config":{"Labels":{"a":"`+huge+`"}}`), ""},
		"repeated history": {fmt.Sprintf(config, `,"history":[`+strings.Repeat(`{"comment":"x"},`, 1_000_000)+`{}]`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
			blob := func(kind, text string) ocispec.Descriptor {
				d := digest.FromString(text)
				files["blobs/sha256/"+d.Encoded()] = text
				return ocispec.Descriptor{MediaType: kind, Digest: d, Size: int64(len(text))}
			}
			manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: blob(ocispec.MediaTypeImageConfig, c.config), Layers: []ocispec.Descriptor{}}
			if c.annotation != "" {
				manifest.Annotations = map[string]string{"a": c.annotation}
			}
			top := blob(ocispec.MediaTypeImageManifest, mustJSON(t, manifest))
			files["index.json"] = mustJSON(t, ocispec.Index{Manifests: []ocispec.Descriptor{top}})
			s, store := newService(t)
			_, err := s.Load(testContext(t), bytes.NewReader(tarOf(t, files)), LoadOptions{})
			if !errdefs.IsInvalidArgument(err) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
				t.Fatalf("got %.500v", err)
			}
			t.Log(err)
			checkEmpty(testContext(t), t, s, store)
		})
	}
}
