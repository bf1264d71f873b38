package netutil

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/event"
)

// removingSuffix marks a conflist whose network is being removed. It is no
// network any more; whoever comes across it finishes the removal.
const removingSuffix = ".removing"

// Remove removes a network on which no container runs.
func (s *Service) Remove(ctx context.Context, ref string) (*Network, error) {
	n, err := s.Network(ctx, ref)
	if err != nil {
		return nil, err
	}
	if isPredefined(n.Name) {
		return nil, &kindError{n.Name + " is a pre-defined network and cannot be removed", errdefs.ErrPermissionDenied}
	}
	if n.foreign() {
		return nil, &kindError{fmt.Sprintf("network %s was not made by nerd: remove the file %s", n.Name, n.File), errdefs.ErrPermissionDenied}
	}
	if err := s.awaitLeaving(ctx, n); err != nil {
		return nil, err
	}
	if err := s.remove(ctx, n); err != nil {
		return nil, err
	}
	s.emit(ctx, events.ActionDestroy, n)
	return n, nil
}

// leavingTime is how long the network of a container that has just ended may take
// to be given back, which its companion does in the background.
const leavingTime = 5 * time.Second

// awaitLeaving waits as long as nothing but ended containers is on the network.
func (s *Service) awaitLeaving(ctx context.Context, n *Network) error {
	for end := time.Now().Add(leavingTime); time.Now().Before(end); {
		used, err := s.users(ctx, n)
		if err != nil || len(used) == 0 {
			return err
		}
		if slices.ContainsFunc(used, func(r *record) bool { return s.host.occupied(s.cfg.Layout.Netns(r.ID)) }) {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// remove takes the network away. Renaming the conflist is the point of no return:
// from then on no container can join. One that had begun to is seen by its record,
// which is written before it looks at the conflist for the last time.
func (s *Service) remove(ctx context.Context, n *Network) (err error) {
	l, err := s.networksLock(ctx)
	if err != nil {
		return err
	}
	defer releaseLock(l, &err)
	doomed := n.File + removingSuffix
	if err := os.Rename(n.File, doomed); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return notFoundError(n.Name)
		}
		return err
	}
	used, err := s.users(ctx, n)
	if err == nil && len(used) > 0 {
		err = &kindError{fmt.Sprintf("error while removing network: network %s id %s has active endpoints", n.Name, n.ID), errdefs.ErrFailedPrecondition}
	}
	if err != nil {
		return errors.Join(err, os.Rename(doomed, n.File))
	}
	return s.finishRemoval(ctx, n, doomed)
}

// finishRemoval takes away what a network without a conflist has on the host. The
// caller holds the networks' lock.
func (s *Service) finishRemoval(ctx context.Context, n *Network, doomed string) error {
	var failed []error
	if n.Firewall != "" {
		if !n.KeepBridge {
			failed = append(failed, s.host.deleteLink(n.Bridge))
		}
		all, err := s.ruled(ctx, n.Firewall)
		if err == nil {
			err = s.host.clear(ctx, n, all, s.rules(n.Firewall))
		}
		failed = append(failed, err)
	}
	failed = append(failed, s.stopDHCP(ctx, n), s.removeParent(ctx, n), os.RemoveAll(filepath.Join(s.cfg.Layout.IPAM(), n.CNIName)), removeIfThere(s.resolverConfig(n).Lock))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("removing network %s: %w", n.Name, err)
	}
	return removeIfThere(doomed)
}

// finishRemovals completes what killed commands began.
func (s *Service) finishRemovals(ctx context.Context, dryRun bool) (names []string, err error) {
	left, err := namesIn(s.cfg.Layout.Networks(), conflistSuffix+removingSuffix)
	if err != nil || len(left) == 0 || dryRun {
		return left, err
	}
	l, err := s.networksLock(ctx)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	for _, name := range left {
		if err := s.finishOwn(ctx, name); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// finishOwn completes the removal of one network, if one was begun. The caller
// holds the networks' lock, so nobody else is at it.
func (s *Service) finishOwn(ctx context.Context, name string) error {
	path := s.conflistPath(name) + removingSuffix
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := parseNetwork(name, data)
	if err != nil {
		return removeIfThere(path) // it tells nothing
	}
	n.Mark = s.mark(n)
	return s.finishRemoval(ctx, n, path)
}

// ruled are the networks whose rules a backend holds.
func (s *Service) ruled(ctx context.Context, backend string) ([]*Network, error) {
	list, err := s.Networks(ctx)
	if err != nil {
		return nil, err
	}
	var all []*Network
	for i := range list {
		if list[i].Firewall == backend {
			all = append(all, &list[i])
		}
	}
	return all, nil
}

// Prune removes the networks that nobody uses and that match. It returns their
// names.
func (s *Service) Prune(ctx context.Context, o PruneOptions) ([]string, error) {
	list, err := s.Networks(ctx)
	if err != nil {
		return nil, err
	}
	var gone []string
	for i := range list {
		n := &list[i]
		if isPredefined(n.Name) || n.foreign() || !o.match(n) {
			continue
		}
		used, err := s.users(ctx, n)
		if err != nil {
			return gone, err
		}
		if len(used) > 0 {
			continue
		}
		err = s.remove(ctx, n)
		switch {
		case errdefs.IsFailedPrecondition(err), errdefs.IsNotFound(err): // joined or removed meanwhile
		case err != nil:
			return gone, err
		default:
			gone = append(gone, n.Name)
			s.emit(ctx, events.ActionDestroy, n)
		}
	}
	return gone, ctx.Err()
}

// users are the records of the containers on a network. Abandoned ones are taken
// down on the way.
func (s *Service) users(ctx context.Context, n *Network) ([]*record, error) {
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}
	var out []*record
	for _, id := range ids {
		rec, err := s.load(id)
		if err != nil {
			return nil, err
		}
		if rec == nil || rec.endpoint(n) == nil {
			continue
		}
		if reaped, err := s.reap(ctx, id); err == nil && reaped {
			continue
		}
		out = append(out, rec)
	}
	return out, nil
}

// endpoint is the container's part in a network, nil if it has none.
func (r *record) endpoint(n *Network) *joined {
	i := slices.IndexFunc(r.Joined, func(j joined) bool { return j.Network.Name == n.Name })
	if i < 0 {
		return nil
	}
	return &r.Joined[i]
}

// Inspect is a network in Docker's shape, with the containers that run on it.
func (s *Service) Inspect(ctx context.Context, ref string) (*network.Inspect, error) {
	n, err := s.Network(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &network.Inspect{Network: summary(n), Containers: map[string]network.EndpointResource{}}
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}
	members := map[string]*record{}
	var paths []string
	for _, id := range ids {
		rec, err := s.load(id)
		if err != nil || rec == nil {
			continue // of a container that is just ending
		}
		if j := rec.endpoint(n); j != nil && len(j.Result) > 0 {
			members[id], paths = rec, append(paths, s.cfg.Layout.Netns(id))
		}
	}
	runs := s.host.inhabited(paths) // the others have ended, and are given back in the background
	for id, rec := range members {
		if !runs[s.cfg.Layout.Netns(id)] {
			continue
		}
		if out.Containers[id], err = resource(rec, rec.endpoint(n)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func resource(rec *record, j *joined) (network.EndpointResource, error) {
	es, err := j.settings(rec.ID)
	if err != nil {
		return network.EndpointResource{}, err
	}
	out := network.EndpointResource{Name: strings.TrimPrefix(rec.Name, "/"), EndpointID: es.EndpointID, MacAddress: es.MacAddress}
	if es.IPAddress.IsValid() {
		out.IPv4Address = netip.PrefixFrom(es.IPAddress, es.IPPrefixLen)
	}
	if es.GlobalIPv6Address.IsValid() {
		out.IPv6Address = netip.PrefixFrom(es.GlobalIPv6Address, es.GlobalIPv6PrefixLen)
	}
	return out, nil
}

// summary is a network as Docker's API describes it.
func summary(n *Network) network.Network {
	out := network.Network{
		Name: n.Name, ID: n.ID, Created: n.Created, Scope: "local", Driver: n.Driver, EnableIPv4: n.has4() || n.Conflist == nil,
		EnableIPv6: n.has6(), Internal: n.Internal, Attachable: n.Attachable, Options: n.Options, Labels: n.Labels,
		IPAM: network.IPAM{Driver: n.IPAM, Options: n.IPAMOpts, Config: []network.IPAMConfig{}},
	}
	if n.IPAM == "" || n.IPAM == ipamHostLocal {
		out.IPAM.Driver = "default"
	}
	for _, sub := range n.Subnets {
		out.IPAM.Config = append(out.IPAM.Config, network.IPAMConfig{Subnet: sub.Subnet, IPRange: sub.Range, Gateway: sub.Gateway, AuxAddress: sub.Aux})
	}
	if out.Options == nil {
		out.Options = map[string]string{}
	}
	if n.Name == NetworkBridge && len(n.Options) == 0 { // what Docker shows of its own
		out.Options = map[string]string{
			optDefaultBridge: "true", optICC: "true", optMasquerade: "true", optHostIPv4: "0.0.0.0", optBridgeName: n.Bridge, optMTU: "1500",
		}
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	return out
}

// emit tells what happened to a network, in Docker's words.
func (s *Service) emit(ctx context.Context, action events.Action, n *Network) {
	event.Send(ctx, s.cfg.Events, event.New(events.NetworkEventType, action, n.ID, map[string]string{"name": n.Name, "type": n.Driver}))
}
