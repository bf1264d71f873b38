package namespace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
)

// Remove removes an empty namespace. What only waits for garbage collection does
// not count. With cgroup, empty control groups of its name go as well.
func (s *Service) Remove(ctx context.Context, name string, cgroup bool) error {
	n, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	for _, has := range []struct {
		n    int
		what string
	}{{n.Containers, "container"}, {n.Images, "image"}, {n.Volumes, "volume"}} {
		if has.n > 0 {
			return &textError{
				fmt.Sprintf("namespace %s is not empty: it has %s: remove them first, with nerd --namespace %[1]s", name, count(has.n, has.what)),
				errdefs.ErrFailedPrecondition,
			}
		}
	}
	if s.builder != nil {
		if err := errors.Join(s.builder(ctx, name), s.DropBuildCache(ctx, name)); err != nil {
			return err
		}
	}
	err = s.backend.Namespaces().Delete(ctx, name)
	if errdefs.IsFailedPrecondition(err) { // content and snapshots of images that are gone
		if err = s.collect(s.backend.In(ctx, name)); err != nil {
			return err
		}
		err = s.backend.Namespaces().Delete(ctx, name)
	}
	if errdefs.IsFailedPrecondition(err) {
		return fmt.Errorf("namespace %s: something in it is in use: %w", name, err)
	}
	if err != nil {
		return err
	}
	if cgroup {
		removeCgroups(cgroupRoot, name)
	}
	return s.removeFolders(name)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// collect has containerd collect garbage now: it does so when a lease is deleted
// by a caller that waits.
func (s *Service) collect(ctx context.Context) error {
	l, err := s.backend.Leases().Create(ctx, leases.WithRandomID())
	if err != nil {
		return err
	}
	return s.backend.Leases().Delete(ctx, l, leases.SynchronousDelete)
}

// removeFolders removes nerd's files of a namespace: caches and the log of
// events. There are no containers and no volumes.
func (s *Service) removeFolders(name string) error {
	l, ok := s.folders(name)
	if !ok {
		return nil
	}
	return errors.Join(os.RemoveAll(filepath.Join(l.Data, name)), os.RemoveAll(filepath.Join(l.Run, name)))
}
