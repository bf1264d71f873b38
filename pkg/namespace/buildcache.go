package namespace

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
)

// Labels of the leases by which a builder keeps what it has cached, and what it
// is working on.
const (
	leaseCached  = "containerd.io/gc.flat"
	leaseWorking = "buildkit/lease.temporary"
)

// The lease of what a cached layer is compressed to has no label. Its id is that
// of the layer with a suffix.
const (
	variantsSuffix = "-variants"
	cacheIDLength  = 25
)

// DropBuildCache frees what a builder that has been removed held on to.
func (s *Service) DropBuildCache(ctx context.Context, name string) error {
	names, err := s.backend.Namespaces().List(ctx)
	if err != nil || !slices.Contains(names, name) {
		return err
	}
	in := s.backend.In(ctx, name)
	all, err := s.backend.Leases().List(in)
	if err != nil {
		return err
	}
	var failed error
	dropped := false
	for _, l := range all {
		if !ofBuilder(l) {
			continue
		}
		dropped = true
		if err := s.backend.Leases().Delete(in, l); err != nil && !errdefs.IsNotFound(err) {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil || !dropped {
		return failed
	}
	return s.collect(in)
}

func ofBuilder(l leases.Lease) bool {
	_, cached := l.Labels[leaseCached]
	_, working := l.Labels[leaseWorking]
	base, variants := strings.CutSuffix(l.ID, variantsSuffix)
	return cached || working || variants && len(base) == cacheIDLength
}
