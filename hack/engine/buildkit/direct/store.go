// Package direct is a content store that puts the layers a builder makes into
// containerd's folder itself. Through containerd's service each byte crosses a
// socket, and the writer waits for the disk before the build may end; a layer of
// 500 MB takes several times as long. Docker does not wait for the disk either:
// here that is done behind the build's back, see Store.Close.
//
// Of a large layer only a recipe is kept, if containerd knows what to do with it:
// its files are in the snapshot of the build already, and are not written again.
package direct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// incoming is the folder for what is being written, beside containerd's own.
const incoming = "nerd-build"

// large is the size in bytes from which on a layer is kept as a recipe.
const large = 4 << 20

// Place is where the files of a layer are.
type Place struct {
	Dir string
	// Label and Snapshot have containerd keep the files as long as the layer.
	Label, Snapshot string
}

// Places finds the files of the layer that is written under a reference. An error
// says that there is no such folder; the layer is then written.
type Places func(ctx context.Context, ref string) (Place, error)

// syncDelay is how long a new blob waits for its turn on the disk: long enough
// for the build to have ended, and less than the kernel itself would wait.
const syncDelay = 2 * time.Second

// Store is containerd's content store, but writes what has no digest yet, which
// is what the builder makes, straight to the folder of the blobs.
type Store struct {
	content.Store
	root    string
	recipes deferred.Folder // empty: containerd has no use for them
	places  Places
	late    sync.WaitGroup
	quit    chan struct{}
}

// New makes a store over containerd's, whose blobs are below root. It removes
// what a builder that was killed has left there. Without access to the folder,
// which may be another machine's, it is no use: that is an error.
//
// Recipes is where containerd looks for recipes; empty: nowhere.
func New(store content.Store, root, recipes string, places Places) (*Store, error) {
	if info, err := os.Stat(filepath.Join(root, "blobs", "sha256")); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("no content store in %s: %w", root, errors.Join(err, os.ErrNotExist))
	}
	if err := os.MkdirAll(filepath.Join(root, incoming), 0o700); err != nil {
		return nil, err
	}
	s := &Store{Store: store, root: root, recipes: deferred.Folder(recipes), places: places, quit: make(chan struct{})}
	return s, s.sweep()
}

// sweep removes files whose writer is gone. Writers hold a lock on theirs: other
// namespaces' builders use the same folder.
func (s *Store) sweep() error {
	old, err := filepath.Glob(filepath.Join(s.root, incoming, "*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = os.Remove(path)
		}
		if err := errors.Join(err, f.Close()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close waits until everything is on the disk.
func (s *Store) Close() {
	close(s.quit)
	s.late.Wait()
}

// Writer writes a new blob. One whose digest is known comes from elsewhere, and
// goes through containerd.
func (s *Store) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if o.Desc.Digest != "" || o.Ref == "" {
		return s.Store.Writer(ctx, opts...)
	}
	f, err := os.CreateTemp(filepath.Join(s.root, incoming), "")
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	w := &writer{ctx: ctx, store: s, ref: o.Ref, file: f, hash: newHasher(), started: time.Now()}
	if s.recipes != "" {
		w.recorder = deferred.NewRecorder()
	}
	return w, nil
}

// Abort forgets a write. What this store writes ends with its Writer.
func (s *Store) Abort(ctx context.Context, ref string) error {
	if err := s.Store.Abort(ctx, ref); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return nil
}

func (s *Store) blob(d digest.Digest) string {
	return filepath.Join(s.root, "blobs", d.Algorithm().String(), d.Encoded())
}

// register makes a blob that is in its place known to containerd, which takes
// what it finds there for content that another namespace has.
func (s *Store) register(ctx context.Context, ref string, desc ocispecs.Descriptor, opts []content.Opt) error {
	w, err := s.Store.Writer(ctx, content.WithRef("nerd-build-"+ref), content.WithDescriptor(desc))
	if err != nil {
		return err
	}
	defer w.Close()
	st, err := w.Status()
	if err != nil {
		return err
	}
	if st.Offset != desc.Size {
		return errNotShared
	}
	return w.Commit(ctx, desc.Size, desc.Digest, opts...)
}

// errNotShared says that containerd wants the bytes: it does not share content
// between namespaces, or has just removed the file as garbage.
var errNotShared = errors.New("containerd does not take the blob from its folder")

// send gives containerd the bytes, the ordinary way.
func (s *Store) send(ctx context.Context, ref string, f *os.File, desc ocispecs.Descriptor, opts []content.Opt) error {
	w, err := s.Store.Writer(ctx, content.WithRef("nerd-build-"+ref), content.WithDescriptor(desc))
	if err != nil {
		return err
	}
	defer w.Close()
	return content.Copy(ctx, w, io.NewSectionReader(f, 0, desc.Size), desc.Size, desc.Digest, opts...)
}

// syncLater has a file written to the disk in a while, and closes it.
func (s *Store) syncLater(f *os.File) {
	s.late.Go(func() {
		t := time.NewTimer(syncDelay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.quit:
		}
		_ = f.Sync() // as good as it gets: the kernel tries again by itself
		_ = f.Close()
	})
}
