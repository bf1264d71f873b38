package netutil

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lease is one address that host-local has given out: a file named after the
// address, whose lines are the container and the interface.
type lease struct {
	path   string
	addr   netip.Addr
	id     string
	ifName string
}

// leases lists what host-local has given out on a network, by its CNI name.
func (s *Service) leases(cniName string) ([]lease, error) {
	dir := filepath.Join(s.cfg.Layout.IPAM(), cniName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []lease
	for _, e := range entries {
		addr, err := netip.ParseAddr(e.Name())
		if err != nil {
			continue // the lock, or the last address given out
		}
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		id, ifName := parseLease(data)
		list = append(list, lease{path, addr, id, ifName})
	}
	return list, nil
}

func parseLease(data []byte) (id, ifName string) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	if lines.Scan() {
		id = strings.TrimSpace(lines.Text())
	}
	if lines.Scan() {
		ifName = strings.TrimSpace(lines.Text())
	}
	return id, ifName
}

// leasesOf is leases of one container.
func (s *Service) leasesOf(cniName, id string) ([]lease, error) {
	all, err := s.leases(cniName)
	var own []lease
	for _, l := range all {
		if l.id == id {
			own = append(own, l)
		}
	}
	return own, err
}

// leaseNetworks are the CNI names of the networks that have leases.
func (s *Service) leaseNetworks() ([]string, error) { return namesIn(s.cfg.Layout.IPAM(), "") }

// freeAll removes every lease of a container.
func (s *Service) freeAll(id string) error {
	networks, err := s.leaseNetworks()
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range networks {
		own, err := s.leasesOf(name, id)
		failed = append(failed, err)
		for _, l := range own {
			failed = append(failed, removeIfThere(l.path))
		}
	}
	return errors.Join(failed...)
}

// sweepLeases frees the addresses of a network whose holder has no record, and
// detaches the holders that are abandoned. Container except is left alone: it is
// the one that asks. A lease's record is written before the lease and removed
// after it, so looking at leases first cannot mistake a live one.
func (s *Service) sweepLeases(ctx context.Context, cniName, except string) (int, error) {
	all, err := s.leases(cniName)
	if err != nil {
		return 0, err
	}
	swept := 0
	for _, l := range all {
		if l.id == except {
			continue
		}
		rec, err := s.loadLeaseHolder(l)
		if err != nil {
			return swept, err
		}
		if rec == nil {
			if l.id == "" && !oldEnough(l.path) {
				continue // host-local is writing it
			}
			if err := removeIfThere(l.path); err != nil {
				return swept, err
			}
			swept++
			continue
		}
		reap := s.reap
		if rec.Ended {
			reap = s.awaitReap
		}
		if reaped, err := reap(ctx, l.id); err == nil && reaped {
			swept++
		}
	}
	return swept, nil
}

func (s *Service) loadLeaseHolder(l lease) (*record, error) {
	if checkID(l.id) != nil {
		return nil, nil
	}
	return s.load(l.id)
}

// oldEnough tells that a file is not just being written.
func oldEnough(path string) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) > time.Minute
}
