// Package namespace makes, lists and removes containerd's namespaces, which keep
// the images and containers of different clients apart.
package namespace

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/identifiers"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/state"
)

// Backend is what namespaces need of containerd.
type Backend interface {
	Namespaces() namespaces.Store
	Containers() containers.Store
	Images() images.Store
	Leases() leases.Manager
	In(ctx context.Context, namespace string) context.Context
}

// Namespace is one namespace and how much is in it.
type Namespace struct {
	Name       string
	Labels     map[string]string
	Containers int
	Images     int
	Volumes    int
}

// Service is the namespaces of one containerd.
type Service struct {
	backend Backend
	layout  state.Layout
	builder func(ctx context.Context, namespace string) error
}

// New makes a Service; layout says where nerd keeps a namespace's files.
func New(backend Backend, layout state.Layout) *Service {
	return &Service{backend: backend, layout: layout}
}

// SetBuilder says how the builder of a namespace is removed, which goes with it.
func (s *Service) SetBuilder(remove func(ctx context.Context, namespace string) error) {
	s.builder = remove
}

// listAtOnce is how many namespaces are counted at the same time.
const listAtOnce = 8

// List is all namespaces by name.
func (s *Service) List(ctx context.Context) ([]Namespace, error) {
	names, err := s.backend.Namespaces().List(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := make([]Namespace, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listAtOnce)
	for i, name := range names {
		g.Go(func() error {
			var err error
			if out[i], err = s.Get(gctx, name); errdefs.IsNotFound(err) { // removed meanwhile
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(n Namespace) bool { return n.Name == "" }), nil
}

// Get is one namespace. One that does not exist is a NotFound error.
func (s *Service) Get(ctx context.Context, name string) (Namespace, error) {
	names, err := s.backend.Namespaces().List(ctx)
	if err != nil {
		return Namespace{}, err
	}
	if !slices.Contains(names, name) { // the labels of none are just empty
		return Namespace{}, notFound(name)
	}
	labels, err := s.backend.Namespaces().Labels(ctx, name)
	if err != nil {
		return Namespace{}, err
	}
	n := Namespace{Name: name, Labels: maps.Clone(labels)}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	in := s.backend.In(ctx, name)
	list, err := s.backend.Containers().List(in)
	if err != nil {
		return Namespace{}, err
	}
	imgs, err := s.backend.Images().List(in)
	if err != nil {
		return Namespace{}, err
	}
	n.Containers, n.Images = len(list), len(imgs)
	n.Volumes, err = s.volumes(name)
	return n, err
}

func notFound(name string) error {
	return &textError{fmt.Sprintf("No such namespace: %s", name), errdefs.ErrNotFound}
}

// textError has its kind beside its text.
type textError struct {
	text string
	kind error
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.kind }

// folders is where nerd keeps the files of a namespace. A name that nerd cannot
// use has none.
func (s *Service) folders(name string) (state.Layout, bool) {
	l, err := state.NewLayout(s.layout.Data, s.layout.Run, name)
	return l, err == nil
}

func (s *Service) volumes(name string) (int, error) {
	l, ok := s.folders(name)
	if !ok {
		return 0, nil
	}
	entries, err := os.ReadDir(l.Volumes())
	if os.IsNotExist(err) {
		return 0, nil
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() && e.Name()[0] != '.' {
			n++
		}
	}
	return n, err
}

// Create makes a namespace.
func (s *Service) Create(ctx context.Context, name string, labels map[string]string) error {
	if err := identifiers.Validate(name); err != nil {
		return err
	}
	if _, err := state.NewLayout(s.layout.Data, s.layout.Run, name); err != nil {
		return err
	}
	err := s.backend.Namespaces().Create(ctx, name, labels)
	if errdefs.IsAlreadyExists(err) {
		return &textError{fmt.Sprintf("namespace %s exists already", name), errdefs.ErrAlreadyExists}
	}
	return err
}

// SetLabels adds or replaces labels; one with an empty value is taken away.
func (s *Service) SetLabels(ctx context.Context, name string, labels map[string]string) error {
	names, err := s.backend.Namespaces().List(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) { // containerd would make it
		return notFound(name)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if err := s.backend.Namespaces().SetLabel(ctx, name, key, labels[key]); err != nil {
			return fmt.Errorf("label %s of namespace %s: %w", key, name, err)
		}
	}
	return nil
}

// cgroupRoot is where every distribution mounts the control groups.
const cgroupRoot = "/sys/fs/cgroup"

// removeCgroups removes the empty control groups that ctr and others make for the
// containers of a namespace. One that is in use stays.
func removeCgroups(root, name string) {
	v1, _ := filepath.Glob(filepath.Join(root, "*", name)) // a name has no pattern's signs
	for _, dir := range append(v1, filepath.Join(root, name)) {
		_ = os.Remove(dir)
	}
}
