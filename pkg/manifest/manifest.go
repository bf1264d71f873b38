// Package manifest keeps lists of image manifests that are being put together
// for a registry, as `docker manifest` does. A list is local until it is pushed;
// its manifests stay in their registries.
package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/registry"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Entry is a manifest, as `docker manifest inspect -v` prints it.
type Entry struct {
	Ref              string             // where it is, with its registry
	Descriptor       ocispec.Descriptor // with the platform
	Raw              []byte             // the document itself
	SchemaV2Manifest *ocispec.Manifest  `json:",omitempty"` // if it is in Docker's format
	OCIManifest      *ocispec.Manifest  `json:",omitempty"` // if it is in OCI's
}

// parsed is the manifest of either format.
func (e *Entry) parsed() *ocispec.Manifest {
	if e.OCIManifest != nil {
		return e.OCIManifest
	}
	return e.SchemaV2Manifest
}

// list is the file of a list.
type list struct {
	Ref     string
	Entries []Entry
}

// Store keeps lists in a folder. It is safe for concurrent use by processes.
type Store struct {
	dir      string
	registry *registry.Resolver
}

// New makes a store.
func New(dir string, r *registry.Resolver) *Store { return &Store{dir, r} }

// Create makes a list of manifests, looking each up in its registry; amend adds
// to one that is there. A manifest that the list has is replaced.
func (s *Store) Create(ctx context.Context, target reference.Named, refs []reference.Named, amend bool) error {
	l, err := s.load(target)
	switch {
	case errdefs.IsNotFound(err):
		l = &list{Ref: target.String()}
	case err != nil:
		return err
	case !amend:
		return errorf(errdefs.ErrAlreadyExists, "refusing to amend an existing manifest list with no --amend flag")
	}
	for _, ref := range refs {
		found, err := s.fetch(ctx, ref)
		if err != nil {
			return err
		}
		if found.parsed() == nil {
			return errorf(errdefs.ErrInvalidArgument, "%s is a manifest list", reference.FamiliarString(ref))
		}
		l.Entries = append(slices.DeleteFunc(l.Entries, func(e Entry) bool { return e.Ref == found.Ref }), *found)
	}
	return s.save(target, l)
}

// Annotate changes the platform that a list gives a manifest; empty fields stay
// as they are and features are added.
func (s *Store) Annotate(target, ref reference.Named, p ocispec.Platform) error {
	l, err := s.load(target)
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	e := l.find(ref)
	if e == nil {
		return errorf(errdefs.ErrNotFound, "manifest for image %s does not exist in %s", reference.FamiliarString(ref), reference.FamiliarString(target))
	}
	if e.Descriptor.Platform == nil {
		e.Descriptor.Platform = &ocispec.Platform{}
	}
	to := e.Descriptor.Platform
	for _, f := range []struct {
		dst *string
		src string
	}{{&to.OS, p.OS}, {&to.Architecture, p.Architecture}, {&to.Variant, p.Variant}, {&to.OSVersion, p.OSVersion}} {
		if f.src != "" {
			*f.dst = f.src
		}
	}
	for _, f := range p.OSFeatures {
		if !slices.Contains(to.OSFeatures, f) {
			to.OSFeatures = append(to.OSFeatures, f)
		}
	}
	if !known(*to) {
		return errorf(errdefs.ErrInvalidArgument, "manifest entry for image has unsupported os/arch combination: %s/%s", to.OS, to.Architecture)
	}
	return s.save(target, l)
}

// Inspect finds what a name stands for: a local list, or what its registry has.
// single tells a manifest from a list of them.
func (s *Store) Inspect(ctx context.Context, ref reference.Named) (entries []Entry, index *ocispec.Index, single bool, err error) {
	l, err := s.load(ref)
	if err == nil {
		return l.Entries, l.index(), false, nil
	}
	if !errdefs.IsNotFound(err) {
		return nil, nil, false, err
	}
	e, err := s.fetch(ctx, ref)
	if err != nil {
		return nil, nil, false, err
	}
	if e.parsed() != nil {
		return []Entry{*e}, nil, true, nil
	}
	index = &ocispec.Index{}
	if err := json.Unmarshal(e.Raw, index); err != nil {
		return nil, nil, false, fmt.Errorf("%s: %w", ref, err)
	}
	for _, m := range index.Manifests {
		one, err := reference.WithDigest(reference.TrimNamed(ref), m.Digest)
		if err != nil {
			return nil, nil, false, err
		}
		child, err := s.fetch(ctx, one)
		if err != nil {
			return nil, nil, false, err
		}
		child.Descriptor = m
		entries = append(entries, *child)
	}
	return entries, index, false, nil
}

// InspectIn finds a manifest of a local list.
func (s *Store) InspectIn(target, ref reference.Named) (*Entry, error) {
	l, err := s.load(target)
	if err != nil {
		return nil, err
	}
	if e := l.find(ref); e != nil {
		return e, nil
	}
	return nil, errorf(errdefs.ErrNotFound, "No such manifest: %s", reference.FamiliarString(ref))
}

// Remove forgets a list.
func (s *Store) Remove(target reference.Named) error {
	err := os.Remove(s.file(target))
	if errors.Is(err, fs.ErrNotExist) {
		return missing(target)
	}
	return err
}

func missing(target reference.Named) error {
	return errorf(errdefs.ErrNotFound, "No such manifest: %s", reference.FamiliarString(target))
}

func (l *list) find(ref reference.Named) *Entry {
	if l == nil {
		return nil
	}
	i := slices.IndexFunc(l.Entries, func(e Entry) bool { return e.Ref == ref.String() })
	if i < 0 {
		return nil
	}
	return &l.Entries[i]
}

// index is the document that a registry gets: OCI's if all manifests are.
func (l *list) index() *ocispec.Index {
	out := &ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for _, e := range l.Entries {
		if e.Descriptor.MediaType != ocispec.MediaTypeImageManifest {
			out.MediaType = images.MediaTypeDockerSchema2ManifestList
		}
		out.Manifests = append(out.Manifests, e.Descriptor)
	}
	return out
}

// file is where a list is kept. A digest stands for the name, whatever is in it.
func (s *Store) file(target reference.Named) string {
	return filepath.Join(s.dir, digest.FromString(target.String()).Encoded()+".json")
}

func (s *Store) load(target reference.Named) (*list, error) {
	l := &list{}
	err := state.ReadJSON(s.file(target), l)
	if errors.Is(err, fs.ErrNotExist) || err == nil && l.Ref != target.String() {
		return nil, missing(target)
	}
	return l, err
}

func (s *Store) save(target reference.Named, l *list) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return state.WriteJSON(s.file(target), l)
}

// kindError is an error of an errdefs kind whose text does not say the kind.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), kind}
}
