package namespace

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
)

func TestDropBuildCache(t *testing.T) {
	s, f := newService(t)
	id := strings.Repeat("a", cacheIDLength)
	f.leases = []leases.Lease{
		{ID: id, Labels: map[string]string{leaseCached: "now"}},
		{ID: id + variantsSuffix},
		{ID: "work", Labels: map[string]string{leaseWorking: "now"}},
		{ID: "pull", Labels: map[string]string{"nerd/image": "pull"}},
		{ID: "my" + variantsSuffix},
	}
	if err := s.DropBuildCache(t.Context(), "none"); err != nil || len(f.dropped) > 0 {
		t.Errorf("a namespace that is not there: %v, %v", f.dropped, err)
	}
	if err := f.Namespaces().Create(t.Context(), "team", nil); err != nil {
		t.Fatal(err)
	}
	var removed string
	s.SetBuilder(func(_ context.Context, namespace string) error { removed = namespace; return nil })
	if err := s.Remove(t.Context(), "team", false); err != nil {
		t.Fatal(err)
	}
	if want := []string{id, id + variantsSuffix, "work", "l"}; !slices.Equal(f.dropped, want) || removed != "team" {
		t.Errorf("dropped %v of %q", f.dropped, removed)
	}
}
