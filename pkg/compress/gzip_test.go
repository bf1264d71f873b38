package compress

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// A stream of any length comes back from the parallel compression.
func TestGzipWriter(t *testing.T) {
	for _, size := range []int{0, 1, gzipPart - 1, gzipPart, gzipPart + 1, 5*gzipPart + 12345} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * i >> 7)
		}
		var packed bytes.Buffer
		w := newGzip(&packed)
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 99_999)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		plain, err := NewReader(&packed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(plain)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestGzipWriterFails(t *testing.T) {
	w := newGzip(&failing{after: 10})
	_, err := io.Copy(w, io.LimitReader(repeat{}, 20*gzipPart))
	if err := errors.Join(err, w.Close()); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v", err)
	}
}

type repeat struct{}

func (repeat) Read(p []byte) (int, error) { return len(p), nil }
