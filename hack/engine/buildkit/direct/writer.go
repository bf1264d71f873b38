package direct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// writer is one blob on its way.
type writer struct {
	ctx      context.Context // of whoever opened it
	store    *Store
	ref      string
	file     *os.File           // nil once it is handed on
	recorder *deferred.Recorder // nil: no recipe
	place    Place              // of the files; empty as long as the blob itself is written
	hash     *hasher
	size     int64
	started  time.Time
	updated  time.Time
}

func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil || w.hash.ended {
		return 0, fmt.Errorf("the writer of %s is closed: %w", w.ref, errdefs.ErrFailedPrecondition)
	}
	n := len(p)
	if w.place.Dir == "" {
		var err error
		if n, err = w.file.Write(p); err != nil {
			return n, err
		}
	}
	w.hash.write(p)
	if w.recorder != nil {
		_, _ = w.recorder.Write(p) // never fails
	}
	w.size += int64(n)
	w.updated = time.Now()
	if w.recorder != nil && w.place.Dir == "" && w.size > large {
		return n, w.grow()
	}
	return n, nil
}

// grow stops writing a blob that has become large, if a recipe will do.
func (w *writer) grow() error {
	place, err := w.store.places(w.ctx, w.ref)
	if err != nil || w.recorder.Failed() {
		w.dropRecorder()
		return nil //nolint:nilerr // the blob is written, then
	}
	w.place = place
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return w.file.Truncate(0)
}

func (w *writer) dropRecorder() {
	if w.recorder != nil {
		_, _ = w.recorder.Finish() // of no interest
		w.recorder = nil
	}
}

// Digest ends the writing: it is that of the whole blob.
func (w *writer) Digest() digest.Digest { return w.hash.digest() }

func (w *writer) Status() (content.Status, error) {
	return content.Status{Ref: w.ref, Offset: w.size, StartedAt: w.started, UpdatedAt: w.updated}, nil
}

// Truncate is for a writer that goes on with what another has begun. There is
// nothing of that kind here.
func (w *writer) Truncate(size int64) error {
	if size != w.size {
		return fmt.Errorf("cannot truncate to %d bytes: %w", size, errdefs.ErrInvalidArgument)
	}
	return nil
}

// Commit gives the blob its place and makes it known.
func (w *writer) Commit(ctx context.Context, size int64, expected digest.Digest, opts ...content.Opt) error {
	if w.file == nil {
		return fmt.Errorf("the writer of %s is closed: %w", w.ref, errdefs.ErrFailedPrecondition)
	}
	desc := ocispecs.Descriptor{Digest: w.Digest(), Size: w.size}
	if size > 0 && size != w.size {
		return fmt.Errorf("unexpected size %d of %s, expected %d: %w", w.size, w.ref, size, errdefs.ErrFailedPrecondition)
	}
	if expected != "" && expected != desc.Digest {
		return fmt.Errorf("unexpected digest %s of %s, expected %s: %w", desc.Digest, w.ref, expected, errdefs.ErrFailedPrecondition)
	}
	if w.place.Dir != "" {
		return w.commitRecipe(ctx, desc, opts)
	}
	w.dropRecorder()
	return w.commitFile(ctx, desc, opts)
}

// commitFile links the file to where containerd looks for blobs. It keeps its
// other name until containerd knows of it: garbage collection may take the blob
// away in between.
func (w *writer) commitFile(ctx context.Context, desc ocispecs.Descriptor, opts []content.Opt) error {
	if err := w.file.Chmod(0o444); err != nil {
		return err
	}
	blob := w.store.blob(desc.Digest)
	if err := os.Link(w.file.Name(), blob); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	err := w.store.register(ctx, w.ref, desc, opts)
	if errors.Is(err, errNotShared) {
		return w.store.send(ctx, w.ref, w.file, desc, opts)
	}
	if err == nil {
		// What containerd knows it keeps, so a second look is enough.
		if lerr := os.Link(w.file.Name(), blob); lerr != nil && !errors.Is(lerr, os.ErrExist) {
			return lerr
		}
		w.hand()
	}
	return err
}

// commitRecipe stores the recipe, and a label by which containerd keeps the files.
func (w *writer) commitRecipe(ctx context.Context, desc ocispecs.Descriptor, opts []content.Opt) error {
	recipe, err := w.recorder.Finish()
	w.recorder = nil
	if err != nil {
		return fmt.Errorf("layer %s: %w", desc.Digest, err)
	}
	var info content.Info
	for _, opt := range opts {
		if err := opt(&info); err != nil {
			return err
		}
	}
	labels := map[string]string{w.place.Label: w.place.Snapshot}
	maps.Copy(labels, info.Labels)
	opts = append(opts, content.WithLabels(labels))
	name := desc.Digest.Encoded()
	for range 2 { // garbage collection may take the first one before containerd knows it
		if err := w.store.recipes.Put(name, desc.Size, w.place.Dir, recipe); err != nil {
			return err
		}
		if err := w.store.register(ctx, w.ref, desc, opts); !errors.Is(err, errNotShared) {
			return err
		}
	}
	root, err := os.OpenRoot(w.place.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := deferred.Restore(w.file, bytes.NewReader(recipe), root); err != nil {
		return err
	}
	return w.store.send(ctx, w.ref, w.file, desc, opts)
}

// hand takes the file's other name away and leaves the rest to the store.
func (w *writer) hand() {
	_ = os.Remove(w.file.Name()) // if not now, the next builder does
	w.store.syncLater(w.file)
	w.file = nil
}

// Close ends the write. What has not been committed is gone.
func (w *writer) Close() error {
	w.dropRecorder()
	w.hash.end()
	if w.file == nil {
		return nil
	}
	err := errors.Join(os.Remove(w.file.Name()), w.file.Close())
	w.file = nil
	return err
}
