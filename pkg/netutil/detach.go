package netutil

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"

	"github.com/nerd-cli/nerd/pkg/state"
)

// Detach gives back everything that container id holds of the network, from its
// record alone: CNI DEL in its namespace, then the namespace, what is left of its
// addresses, and the record last. It can be repeated, and after a kill at any
// point it finishes what was begun. The record stays only if port rules could
// not be removed, so that Repair tries again.
func (s *Service) Detach(ctx context.Context, id string) error {
	l, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	return errors.Join(s.detachLocked(withLock(ctx, l), id), l.Remove())
}

func (s *Service) detachLocked(ctx context.Context, id string) error {
	rec, err := s.load(id)
	if err != nil {
		return err
	}
	path := s.cfg.Layout.Netns(id)
	if rec == nil {
		// Nothing is taken before there is a record, but a record can be
		// damaged or removed by hand: the namespace and leases tell by name.
		if !s.host.pinned(path) {
			return errors.Join(s.host.unpin(path), s.freeAll(id))
		}
		return errors.Join(s.leaveUnrecorded(ctx, id), s.host.unpin(path), s.freeAll(id))
	}
	leaveErr := s.leave(ctx, rec)
	if err := s.host.unpin(path); err != nil {
		return errors.Join(leaveErr, fmt.Errorf("removing the network namespace of container %s: %w", id, err))
	}
	if leaveErr != nil {
		return leaveErr
	}
	return removeIfThere(s.cfg.Layout.NetRecord(id))
}

// leave runs CNI DEL for everything joined, last first. What fails for good,
// because a plugin is gone or broken, is done by hand as far as it can be: the
// devices end with the namespace and the leases are files. Only an endpoint with
// published ports stays in the record then, for its rules may still be there.
func (s *Service) leave(ctx context.Context, rec *record) error {
	var kept []joined
	var failed []error
	for i := len(rec.Joined) - 1; i >= 0; i-- {
		j := rec.Joined[i]
		err := s.del(ctx, rec, &j)
		if ctxErr := ctx.Err(); ctxErr != nil {
			return fmt.Errorf("leaving network %s: %w", j.Network.Name, ctxErr)
		}
		if err != nil && j.publishes() {
			kept = append(kept, j)
			failed = append(failed, fmt.Errorf("leaving network %s: %s", j.Network.Name, cniMessage(err)))
			continue
		}
		if err != nil {
			failed = append(failed, removeIfThere(s.resultFile(rec.ID, &j)))
		}
	}
	if rec.Joined = kept; len(kept) == 0 {
		rec.Ports = nil
	}
	return errors.Join(append(failed, s.save(rec))...)
}

// resultDir is where libcni keeps the results of ADD for DEL to read.
func (s *Service) resultDir() string { return filepath.Join(s.cfg.Layout.Run, "cni", "results") }

// resultFile is the one of an endpoint, which libcni removes only if DEL succeeds.
func (s *Service) resultFile(id string, j *joined) string {
	return filepath.Join(s.resultDir(), j.Network.CNIName+"-"+id+"-"+j.IfName)
}

func (s *Service) del(ctx context.Context, rec *record, j *joined) error {
	list, err := libcni.ConfListFromBytes(j.List)
	if err != nil {
		return err
	}
	rt, err := s.runtime(rec, j)
	if err != nil {
		return err
	}
	s.releaseDHCP(ctx, list, rt, j.Result)
	err = s.cni.DelNetworkList(ctx, list, rt)
	leases, leaseErr := s.leasesOf(list.Name, rec.ID)
	if leaseErr == nil {
		for _, l := range leases {
			if l.ifName == j.IfName {
				leaseErr = errors.Join(leaseErr, removeIfThere(l.path))
			}
		}
	}
	return errors.Join(err, leaseErr)
}

// leaveUnrecorded runs CNI DEL for every network on which the container holds an
// address.
func (s *Service) leaveUnrecorded(ctx context.Context, id string) error {
	networks, err := s.Networks(ctx)
	if err != nil {
		return err
	}
	for i := range networks {
		n := &networks[i]
		if n.Conflist == nil {
			continue
		}
		leases, err := s.leasesOf(n.CNIName, id)
		if err != nil {
			return err
		}
		for _, l := range leases {
			if err := s.delUnrecorded(ctx, n, id, l.ifName); err != nil {
				return err
			}
		}
	}
	return nil
}

// abandoned tells whether nobody will ever use what the record speaks of: its
// maker has ended and no process is in the namespace.
func (s *Service) abandoned(ctx context.Context, rec *record) bool {
	if rec.Owner.Alive() || s.host.occupied(s.cfg.Layout.Netns(rec.ID)) {
		return false
	}
	if s.cfg.Live == nil {
		return false
	}
	live, err := s.cfg.Live(ctx, rec.ID)
	return err == nil && !live
}

// reap detaches id if it still is abandoned once its lock is held. A container
// whose lock is taken is being worked on, so it is left alone.
func (s *Service) reap(ctx context.Context, id string) (bool, error) {
	now, cancel := context.WithCancel(ctx)
	cancel() // one try, no waiting
	l, err := state.AcquireLock(now, s.lockPath(id))
	if err != nil {
		return false, nil
	}
	rec, err := s.load(id)
	if err != nil || rec == nil || !s.abandoned(ctx, rec) {
		return false, errors.Join(err, l.Release())
	}
	return true, errors.Join(s.detachLocked(withLock(ctx, l), id), l.Remove())
}

// awaitReap is reap for a container that has ended: its companion is giving its
// network back, or is about to, so it is waited for.
func (s *Service) awaitReap(ctx context.Context, id string) (bool, error) {
	patient, cancel := context.WithTimeout(ctx, leavingTime)
	defer cancel()
	l, err := s.lock(patient, id)
	if err != nil {
		return false, err
	}
	rec, err := s.load(id)
	switch {
	case err == nil && rec == nil:
		return true, l.Remove() // it has been given back meanwhile
	case err != nil || !s.abandoned(ctx, rec):
		return false, errors.Join(err, l.Release())
	}
	return true, errors.Join(s.detachLocked(withLock(ctx, l), id), l.Remove())
}
