package namespace

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/state"
)

// fake is a containerd that knows of namespaces and of the number of things in
// them. Garbage goes when a lease is deleted.
type fake struct {
	labels     map[string]map[string]string
	containers map[string]int
	garbage    map[string]bool
	leases     []leases.Lease // of every namespace
	dropped    []string       // ids of those that were deleted
}

func newFake() *fake {
	return &fake{labels: map[string]map[string]string{}, containers: map[string]int{}, garbage: map[string]bool{}}
}

func (f *fake) Namespaces() namespaces.Store { return names{f} }
func (f *fake) Containers() containers.Store { return containerStore{fake: f} }
func (f *fake) Images() images.Store         { return imageStore{} }
func (f *fake) Leases() leases.Manager       { return leaseStore{fake: f} }
func (f *fake) In(ctx context.Context, ns string) context.Context {
	return namespaces.WithNamespace(ctx, ns)
}

type names struct{ *fake }

func (n names) Create(_ context.Context, ns string, labels map[string]string) error {
	if n.labels[ns] != nil {
		return errdefs.ErrAlreadyExists
	}
	n.labels[ns] = map[string]string{}
	maps.Copy(n.labels[ns], labels)
	return nil
}

func (n names) Labels(_ context.Context, ns string) (map[string]string, error) {
	return n.labels[ns], nil
}

func (n names) SetLabel(_ context.Context, ns, key, value string) error {
	if value == "" {
		delete(n.labels[ns], key)
		return nil
	}
	n.labels[ns][key] = value
	return nil
}

func (n names) List(context.Context) ([]string, error) {
	return slices.Collect(maps.Keys(n.labels)), nil
}

func (n names) Delete(_ context.Context, ns string, _ ...namespaces.DeleteOpts) error {
	if n.garbage[ns] {
		return fmt.Errorf("namespace %q must be empty, but it still has blobs: %w", ns, errdefs.ErrFailedPrecondition)
	}
	delete(n.labels, ns)
	return nil
}

type containerStore struct {
	containers.Store
	*fake
}

func (c containerStore) List(ctx context.Context, _ ...string) ([]containers.Container, error) {
	ns, _ := namespaces.Namespace(ctx)
	return make([]containers.Container, c.fake.containers[ns]), nil
}

type imageStore struct{ images.Store }

func (imageStore) List(context.Context, ...string) ([]images.Image, error) { return nil, nil }

type leaseStore struct {
	leases.Manager
	*fake
}

func (leaseStore) Create(context.Context, ...leases.Opt) (leases.Lease, error) {
	return leases.Lease{ID: "l"}, nil
}

func (l leaseStore) List(context.Context, ...string) ([]leases.Lease, error) { return l.leases, nil }

func (l leaseStore) Delete(ctx context.Context, gone leases.Lease, _ ...leases.DeleteOpt) error {
	l.dropped = append(l.dropped, gone.ID)
	ns, _ := namespaces.Namespace(ctx)
	delete(l.garbage, ns)
	return nil
}

func newService(t *testing.T) (*Service, *fake) {
	t.Helper()
	l, err := state.NewLayout(t.TempDir(), t.TempDir(), "default")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	return New(f, l), f
}

func TestCreateListRemove(t *testing.T) {
	s, f := newService(t)
	ctx := t.Context()
	for _, name := range []string{"b", "a"} {
		if err := s.Create(ctx, name, map[string]string{"of": name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Create(ctx, "a", nil); !errdefs.IsAlreadyExists(err) || err.Error() != "namespace a exists already" {
		t.Errorf("twice: %v", err)
	}
	f.containers["b"] = 3
	list, err := s.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Containers != 3 || list[1].Labels["of"] != "b" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Remove(ctx, "b", false); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "it has 3 containers") {
		t.Errorf("with containers: %v", err)
	}
	volume := filepath.Join(s.layout.Data, "a", "volumes", "v")
	if err := os.MkdirAll(volume, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, "a", false); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "it has 1 volume:") {
		t.Errorf("with a volume: %v", err)
	}
	if err := os.Remove(volume); err != nil {
		t.Fatal(err)
	}
	f.garbage["a"] = true
	if err := s.Remove(ctx, "a", true); err != nil {
		t.Errorf("with garbage only: %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.layout.Data, "a")); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
	for _, err := range []error{s.Remove(ctx, "a", false), s.SetLabels(ctx, "a", map[string]string{"k": "v"})} {
		if !errdefs.IsNotFound(err) || err.Error() != "No such namespace: a" {
			t.Errorf("gone: %v", err)
		}
	}
}

func TestNames(t *testing.T) {
	s, _ := newService(t)
	for _, bad := range []string{"", "a/b", "..", "a b", "-a", "networks", "engine", strings.Repeat("a", 77)} {
		if err := s.Create(t.Context(), bad, nil); err == nil {
			t.Errorf("%q was made", bad)
		}
	}
}

func TestSetLabels(t *testing.T) {
	s, f := newService(t)
	if err := s.Create(t.Context(), "a", map[string]string{"x": "1", "y": "2"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetLabels(t.Context(), "a", map[string]string{"x": "", "z": "3"}); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"y": "2", "z": "3"}; !maps.Equal(f.labels["a"], want) {
		t.Errorf("labels %v", f.labels["a"])
	}
}

// Only empty groups go.
func TestRemoveCgroups(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"cpu/a", "memory/a/used", "a", "cpu/b"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	removeCgroups(root, "a")
	for dir, want := range map[string]bool{"cpu/a": false, "memory/a/used": true, "a": false, "cpu/b": true} {
		if _, err := os.Stat(filepath.Join(root, dir)); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
