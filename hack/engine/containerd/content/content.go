// Package content is containerd's local content store, which also has the layers
// that are kept as recipes: they are made when somebody reads them.
package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/singleflight"

	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// Prefixes of files beside the recipes: one that is being written by a builder,
// and a layer that is being made.
const (
	unfinished = ".new-"
	making     = ".restore-"
)

// staleAfter is when an unfinished recipe has no writer any more.
const staleAfter = time.Hour

func init() {
	registry.Register(&plugin.Registration{
		Type: plugins.ContentPlugin,
		ID:   "content",
		InitFn: func(ic *plugin.InitContext) (any, error) {
			root := ic.Properties[plugins.PropertyRootDir]
			ic.Meta.Exports["root"] = root
			ic.Meta.Exports[deferred.Name] = string(deferred.In(root)) // builders look for this
			return New(root)
		},
	})
}

type store struct {
	content.Store
	root    string
	recipes deferred.Folder
	busy    singleflight.Group
}

// New opens the store at root.
func New(root string) (content.Store, error) {
	inner, err := local.NewStore(root)
	if err != nil {
		return nil, err
	}
	s := &store{Store: inner, root: root, recipes: deferred.In(root)}
	if err := os.MkdirAll(string(s.recipes), 0o700); err != nil {
		return nil, err
	}
	return s, s.sweep()
}

// sweep removes what was left half done.
func (s *store) sweep() error {
	entries, err := os.ReadDir(string(s.recipes))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone by itself
		}
		old := strings.HasPrefix(e.Name(), unfinished) && time.Since(info.ModTime()) > staleAfter
		if old || strings.HasPrefix(e.Name(), making) {
			if err := os.Remove(filepath.Join(string(s.recipes), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// recipe tells what is known of a layer that is kept as one.
func (s *store) recipe(d digest.Digest) (content.Info, error) {
	if d.Algorithm() != digest.SHA256 {
		return content.Info{}, fs.ErrNotExist
	}
	l, err := s.recipes.Get(d.Encoded())
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{Digest: d, Size: l.Size, CreatedAt: l.Made, UpdatedAt: l.Made}, nil
}

// Info tells about a blob.
func (s *store) Info(ctx context.Context, d digest.Digest) (content.Info, error) {
	info, err := s.Store.Info(ctx, d)
	if !errdefs.IsNotFound(err) {
		return info, err
	}
	made, rerr := s.recipe(d)
	if errors.Is(rerr, fs.ErrNotExist) {
		return info, err
	}
	return made, rerr
}

// ReaderAt reads a blob, which is made first if there is only its recipe.
func (s *store) ReaderAt(ctx context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	r, err := s.Store.ReaderAt(ctx, desc)
	if !errdefs.IsNotFound(err) {
		return r, err
	}
	if _, rerr := s.recipe(desc.Digest); errors.Is(rerr, fs.ErrNotExist) {
		// It may have been made since.
		return s.Store.ReaderAt(ctx, desc)
	}
	_, merr, _ := s.busy.Do(desc.Digest.String(), func() (any, error) { return nil, s.restore(desc.Digest) })
	if merr != nil {
		return nil, merr
	}
	return s.Store.ReaderAt(ctx, desc)
}

// restore makes the layer of a recipe, which it then takes the place of.
func (s *store) restore(d digest.Digest) (err error) {
	dir := filepath.Join(s.root, "blobs", d.Algorithm().String())
	if _, err := os.Stat(filepath.Join(dir, d.Encoded())); err == nil {
		return nil // who was faster has done it
	}
	f, err := os.CreateTemp(string(s.recipes), making)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("content %s: %w", d, err), os.Remove(f.Name()))
		}
	}()
	err = s.recipes.Restore(d.Encoded(), f)
	if err == nil {
		err = errors.Join(f.Chmod(0o444), f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, d.Encoded())); err != nil {
		return err
	}
	return s.recipes.Remove(d.Encoded())
}

// Delete removes a blob and its recipe.
func (s *store) Delete(ctx context.Context, d digest.Digest) error {
	err := s.Store.Delete(ctx, d)
	if d.Algorithm() != digest.SHA256 {
		return err
	}
	if rerr := s.recipes.Remove(d.Encoded()); !errors.Is(rerr, fs.ErrNotExist) {
		if errdefs.IsNotFound(err) {
			return rerr
		}
		return errors.Join(err, rerr)
	}
	return err
}

// Walk calls fn for each blob. What is there twice, for the moment in which it is
// made, may be told of twice.
func (s *store) Walk(ctx context.Context, fn content.WalkFunc, match ...string) error {
	if err := s.Store.Walk(ctx, fn, match...); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	filter, err := filters.ParseAll(match...)
	if err != nil {
		return err
	}
	names, err := s.recipes.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		info, err := s.recipe(digest.NewDigestFromEncoded(digest.SHA256, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !filter.Match(content.AdaptInfo(info)) {
			continue
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}
