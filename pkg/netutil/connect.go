package netutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/libcni"
)

// Connect gives a running container an interface in one more network: the only
// endpoint of the request. Its default route moves if the network is to have it.
func (s *Service) Connect(ctx context.Context, req AttachRequest) (a *Attachment, err error) {
	l, err := s.lock(ctx, req.ContainerID)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	ctx = withLock(ctx, l)
	rec, err := s.load(req.ContainerID)
	if err != nil {
		return nil, err
	}
	if rec == nil || !s.host.pinned(s.cfg.Layout.Netns(req.ContainerID)) {
		return nil, fmt.Errorf("container %s has no network namespace: %w", req.Name, errdefs.ErrFailedPrecondition)
	}
	if err := s.dropIncomplete(ctx, rec); err != nil {
		return nil, err
	}
	list, err := s.plan(ctx, AttachRequest{Endpoints: req.Endpoints})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if rec.endpoint(p.net) != nil {
			return nil, &kindError{fmt.Sprintf("endpoint with name %s already exists in network %s", strings.TrimPrefix(rec.Name, "/"), p.net.Name), errdefs.ErrPermissionDenied}
		}
		before := len(rec.Joined)
		err := s.join(ctx, rec, p, chainOptions{noRoutes: true})
		if err == nil {
			a, err = s.settle(ctx, rec)
		}
		if err != nil {
			return nil, errors.Join(err, s.undoJoins(context.WithoutCancel(ctx), rec, before))
		}
	}
	return a, nil
}

// undoJoins takes back the endpoints of a record after the first n.
func (s *Service) undoJoins(ctx context.Context, rec *record, n int) error {
	for i := len(rec.Joined) - 1; i >= n; i-- {
		_ = s.del(ctx, rec, &rec.Joined[i]) // it was made in part, at most
		rec.Joined = rec.Joined[:i]
	}
	return errors.Join(s.settleRoutes(rec), s.save(rec))
}

// dropIncomplete takes back endpoints that a killed command was adding or removing. The caller
// holds the container's lock, so nobody is at it.
func (s *Service) dropIncomplete(ctx context.Context, rec *record) error {
	for i := len(rec.Joined) - 1; i >= 0; i-- {
		if len(rec.Joined[i].Result) > 0 {
			continue
		}
		if err := s.del(ctx, rec, &rec.Joined[i]); err != nil {
			return fmt.Errorf("leaving network %s: %s", rec.Joined[i].Network.Name, cniMessage(err))
		}
		rec.Joined = slices.Delete(rec.Joined, i, i+1)
		if err := s.save(rec); err != nil {
			return err
		}
	}
	return nil
}

// Disconnect takes a running container's interface in a network away. The default
// route and the published ports move to another network if it had them.
func (s *Service) Disconnect(ctx context.Context, id, ref string) (a *Attachment, err error) {
	l, err := s.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	ctx = withLock(ctx, l)
	rec, err := s.load(id)
	if err != nil {
		return nil, err
	}
	at := -1
	if rec != nil {
		// By the record: the network itself may be gone from the folder.
		at = slices.IndexFunc(rec.Joined, func(j joined) bool { return j.Network.Name == ref || j.Network.ID == ref })
	}
	if at < 0 {
		return nil, &kindError{fmt.Sprintf("container %s is not connected to network %s", id, ref), errdefs.ErrPermissionDenied}
	}
	// From here on it is one that is incomplete: a command killed before its end has
	// the next one, or Repair, do the rest.
	rec.Joined[at].Result = nil
	if err := s.save(rec); err != nil {
		return nil, err
	}
	if err := s.dropIncomplete(ctx, rec); err != nil {
		return nil, err
	}
	return s.settle(ctx, rec)
}

// settle leads ports and routes where they are to lead with the networks that the
// container is in now.
func (s *Service) settle(ctx context.Context, rec *record) (*Attachment, error) {
	if !slices.ContainsFunc(rec.Joined, func(j joined) bool { return j.publishes() }) {
		if err := s.movePorts(ctx, rec); err != nil {
			return nil, err
		}
	}
	if err := s.settleRoutes(rec); err != nil {
		return nil, err
	}
	return s.finish(ctx, rec)
}

// Evict takes away what is left of a container that is no more and still holds a
// part of the network, by its id or its name.
func (s *Service) Evict(ctx context.Context, network, container string) error {
	n, err := s.Network(ctx, network)
	if err != nil {
		return err
	}
	used, err := s.users(ctx, n) // gives back what is abandoned
	if err != nil {
		return err
	}
	for _, rec := range used {
		if (rec.ID == container || strings.TrimPrefix(rec.Name, "/") == container) && s.host.occupied(s.cfg.Layout.Netns(rec.ID)) {
			return &kindError{fmt.Sprintf("container %s is in network %s and has processes: end them first", container, n.Name), errdefs.ErrConflict}
		}
	}
	return nil // what is left is just being given back by the container's companion
}

// movePorts leads the published ports to another network of the container, by
// running portmap alone on what the network's own plugins had made. Without one
// that can publish, the ports stay reserved and lead nowhere, as in Docker.
func (s *Service) movePorts(ctx context.Context, rec *record) error {
	best := -1
	for i, j := range rec.Joined {
		if j.Network.canPublish() && (best < 0 || before(j.Endpoint, j.Network.Name, rec.Joined[best].Endpoint, rec.Joined[best].Network.Name) < 0) {
			best = i
		}
	}
	if best < 0 || len(rec.Ports) == 0 {
		return nil
	}
	j := &rec.Joined[best]
	n, err := s.Network(ctx, j.Network.Name)
	if err != nil {
		return err
	}
	whole, err := n.chain(chainOptions{ports: true})
	if err != nil {
		return err
	}
	if j.Caps, err = capabilities(j.Network, j.Endpoint, rec.Ports); err != nil {
		return err
	}
	j.List = whole.Bytes // DEL runs portmap too, from here on
	if err := s.save(rec); err != nil {
		return err
	}
	return s.leadPorts(ctx, rec)
}

// leadPorts sets the rules of the published ports, to the endpoint that has them.
func (s *Service) leadPorts(ctx context.Context, rec *record) error {
	at := slices.IndexFunc(rec.Joined, func(j joined) bool { return j.publishes() })
	if at < 0 {
		return nil
	}
	j := &rec.Joined[at]
	list, err := portmapOnly(j.List, j.Result)
	if err != nil {
		return err
	}
	rt, err := s.runtime(rec, j)
	if err != nil {
		return err
	}
	if _, err := s.cni.AddNetworkList(ctx, list, rt); err != nil {
		return attachError(j, err)
	}
	return nil
}

// portmapOnly is the last plugin of a chain, told what those before it have made.
func portmapOnly(chain, result json.RawMessage) (*libcni.NetworkConfigList, error) {
	var doc map[string]json.RawMessage
	var plugins []map[string]any
	if err := json.Unmarshal(chain, &doc); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(doc["plugins"], &plugins); err != nil {
		return nil, err
	}
	last := plugins[len(plugins)-1]
	last["prevResult"] = result
	data, err := json.Marshal([]any{last})
	if err != nil {
		return nil, err
	}
	doc["plugins"] = data
	if data, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	return libcni.ConfListFromBytes(data)
}

// Rename tells the resolver and the ports' holder a container's new name.
func (s *Service) Rename(ctx context.Context, id, name string) (err error) {
	l, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	defer releaseLock(l, &err)
	rec, err := s.load(id)
	if err != nil || rec == nil {
		return err
	}
	rec.Name = name
	return s.save(rec)
}

// Retire tells the resolver that a container has ended, although its network is
// still to be given back.
func (s *Service) Retire(ctx context.Context, id string) (err error) {
	l, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	defer releaseLock(l, &err)
	rec, err := s.load(id)
	if err != nil || rec == nil {
		return err
	}
	rec.Ended = true
	return s.save(rec)
}

// settleRoutes gives the default route to the network that is to have it.
func (s *Service) settleRoutes(rec *record) error {
	path := s.cfg.Layout.Netns(rec.ID)
	if len(rec.Joined) == 0 || !s.host.pinned(path) {
		return nil
	}
	routes, err := rec.defaultRoutes()
	if err != nil {
		return err
	}
	return s.host.route(path, routes)
}
