package direct

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// known is a content store that shares what it finds in its folder, as
// containerd's does, and notes what was committed.
type known struct {
	content.Store
	root    string
	shares  bool
	commits map[digest.Digest]content.Info
}

func newKnown(t *testing.T, shares bool) *known {
	t.Helper()
	root := t.TempDir()
	inner, err := local.NewStore(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"blobs/sha256", deferred.Name} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &known{inner, root, shares, map[digest.Digest]content.Info{}}
}

func (k *known) has(d digest.Digest) bool {
	_, blob := os.Stat(filepath.Join(k.root, "blobs/sha256", d.Encoded()))
	_, recipe := deferred.In(k.root).Get(d.Encoded())
	return blob == nil || recipe == nil
}

func (k *known) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if k.shares && o.Desc.Digest != "" && k.has(o.Desc.Digest) {
		return &shared{k: k, desc: o}, nil
	}
	if !k.shares { // containerd would look in vain, too
		_ = os.Remove(filepath.Join(k.root, "blobs/sha256", o.Desc.Digest.Encoded()))
	}
	return k.Store.Writer(ctx, opts...)
}

type shared struct {
	content.Writer
	k    *known
	desc content.WriterOpts
}

func (s *shared) Status() (content.Status, error) {
	return content.Status{Offset: s.desc.Desc.Size}, nil
}

func (s *shared) Commit(_ context.Context, _ int64, d digest.Digest, opts ...content.Opt) error {
	var info content.Info
	for _, opt := range opts {
		if err := opt(&info); err != nil {
			return err
		}
	}
	s.k.commits[d] = info
	return nil
}

func (*shared) Close() error { return nil }

// layer is the tar of one file of a size, which is in the folder as well.
func layer(t *testing.T, size int) (dir string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	text := bytes.Repeat([]byte("x"), size)
	if err := os.WriteFile(filepath.Join(dir, "f"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: int64(size)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, b.Bytes()
}

func write(t *testing.T, s *Store, data []byte) digest.Digest {
	t.Helper()
	w, err := s.Writer(t.Context(), content.WithRef("r"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for p := data; len(p) > 0; {
		n := min(100_000, len(p))
		if _, err := w.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	d := w.Digest()
	if want := digest.FromBytes(data); d != want {
		t.Fatalf("digest %s, want %s", d, want)
	}
	if err := w.Commit(t.Context(), 0, d, content.WithLabels(map[string]string{"a": "b"})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("a write after the end: %v", err)
	}
	return d
}

func TestWriter(t *testing.T) {
	for name, tt := range map[string]struct {
		size                            int
		shares, recipes, place, tarless bool
		wantRecipe                      bool
	}{
		"small":               {size: 1000, shares: true, recipes: true, place: true},
		"large":               {size: large + 1, shares: true, recipes: true, place: true, wantRecipe: true},
		"large without place": {size: large + 1, shares: true, recipes: true},
		"large, no tar":       {size: large + 1, shares: true, recipes: true, place: true, tarless: true},
		"old containerd":      {size: large + 1, shares: true, place: true},
		"not shared":          {size: 1000},
		"large, not shared":   {size: large + 1, recipes: true, place: true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKnown(t, tt.shares)
			dir, data := layer(t, tt.size)
			if tt.tarless {
				data = data[512:]
			}
			recipes := ""
			if tt.recipes {
				recipes = string(deferred.In(k.root))
			}
			s, err := New(k, k.root, recipes, func(context.Context, string) (Place, error) {
				if !tt.place {
					return Place{}, errors.New("none")
				}
				return Place{dir, "label", "snapshot"}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			d := write(t, s, data)
			s.Close()
			if _, err := deferred.In(k.root).Get(d.Encoded()); (err == nil) != tt.wantRecipe && tt.shares {
				t.Errorf("recipe: %v", err)
			}
			if !tt.wantRecipe {
				got, err := os.ReadFile(filepath.Join(k.root, "blobs/sha256", d.Encoded()))
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
				}
			}
			if info := k.commits[d]; tt.shares && (info.Labels["a"] != "b" || (info.Labels["label"] == "snapshot") != tt.wantRecipe) {
				t.Errorf("labels %v", info.Labels)
			}
			if left, _ := filepath.Glob(filepath.Join(k.root, incoming, "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// What a killed builder left goes; what another one writes stays.
func TestSweep(t *testing.T) {
	k := newKnown(t, true)
	s, err := New(k, k.root, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(t.Context(), content.WithRef("r"))
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(k.root, incoming, "dead")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(k, k.root, "", nil); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(k.root, incoming, "*"))
	if err != nil || len(left) != 1 || left[0] == dead {
		t.Errorf("%v, %v", left, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(k, t.TempDir(), "", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no content store: %v", err)
	}
}
