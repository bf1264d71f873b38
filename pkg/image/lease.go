package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/state"
)

// Labels of the lease that holds what a command is bringing in.
const (
	leaseWork  = "nerd/image" // what is being done: pull, load, import, unpack
	leaseOwner = "nerd/owner" // the process that does it
)

// leased is ctrd.Client.Leased with the owner's mark.
func (s *Service) leased(ctx context.Context, work string) (context.Context, func(collect bool) error, error) {
	self, err := state.Self()
	if err != nil {
		return nil, nil, err
	}
	return s.client.Leased(ctx, map[string]string{leaseWork: work, leaseOwner: self.String()})
}

// Repair frees what killed commands were bringing in, and what is held for mounts
// that are no more; it says what it found, or with dryRun would free.
func (s *Service) Repair(ctx context.Context, dryRun bool) ([]string, error) {
	found, err := s.repairWork(ctx, dryRun)
	mounts, merr := s.repairMounts(s.client.Context(ctx), dryRun)
	return append(found, mounts...), errors.Join(err, merr)
}

// repairWork frees what killed commands were bringing in. Until then a pull that
// is tried again finds there what had arrived whole; a day later it is freed in
// any case.
func (s *Service) repairWork(ctx context.Context, dryRun bool) ([]string, error) {
	ctx = s.client.Context(ctx)
	manager := s.client.Leases()
	all, err := manager.List(ctx, fmt.Sprintf("labels.%q", leaseWork))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, l := range all {
		owner, err := state.ParseProcess(l.Labels[leaseOwner])
		if err == nil && owner.Alive() {
			continue
		}
		found = append(found, fmt.Sprintf("content of an unfinished %s (lease %s)", l.Labels[leaseWork], l.ID))
		if dryRun {
			continue
		}
		if err := manager.Delete(ctx, l, leases.SynchronousDelete); err != nil && !errdefs.IsNotFound(err) {
			return found, err
		}
	}
	return found, nil
}

// end gives the lease back. After a failure what was brought in is freed at
// once; after success, what earlier, killed commands left: this one has taken
// from it what it could use. The context is the one from before the lease.
func (s *Service) end(ctx context.Context, done func(collect bool) error, failed error) error {
	if failed != nil {
		return errors.Join(failed, done(true))
	}
	if err := done(false); err != nil {
		return err
	}
	_, err := s.repairWork(ctx, false)
	return err
}
