package image

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestReadAhead(t *testing.T) {
	_, store := newService(t)
	ctx := testContext(t)
	for _, size := range []int{0, 1, 1 << 16, readAhead - 1, readAhead, 2*readAhead + 7} {
		data := make([]byte, size)
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		desc := ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(size)}
		if err := content.WriteBlob(ctx, store.Content(), desc.Digest.String(), bytes.NewReader(data), desc); err != nil {
			t.Fatal(err)
		}
		ra, err := aheadStore{store.Content()}.ReaderAt(ctx, desc)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(io.NewSectionReader(ra, 0, ra.Size())); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d: read %d bytes, %v", size, len(got), err)
		}
		for range 20 {
			off := rng.Int64N(int64(size) + 2)
			p := make([]byte, rng.IntN(1<<17))
			n, err := ra.ReadAt(p, off)
			want := data[min(int(off), size):min(int(off)+len(p), size)]
			if !bytes.Equal(p[:n], want) || (n < len(p)) != (err != nil) {
				t.Errorf("%d: ReadAt(%d bytes, %d) = %d, %v", size, len(p), off, n, err)
			}
		}
		if err := ra.Close(); err != nil {
			t.Error(err)
		}
	}
}
