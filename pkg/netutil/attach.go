package netutil

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/libcni"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Attach runs CNI ADD for every endpoint of the request in the namespace that
// NewSandbox made. If one fails, those before it are undone. A container that is
// attached already with the same endpoints and ports, because it restarts in its
// old namespace, is left as it is; one with others is wired anew.
func (s *Service) Attach(ctx context.Context, req AttachRequest) (a *Attachment, err error) {
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
		return nil, fmt.Errorf("container %s has no network namespace yet: %w", req.ContainerID, errdefs.ErrFailedPrecondition)
	}
	if rec.complete() && rec.serves(req) {
		return rec.attachment()
	}
	if len(rec.Joined) > 0 {
		if err := s.leave(ctx, rec); err != nil {
			return nil, err
		}
	}
	rec.Name, rec.Ports = req.Name, req.Ports
	for i, ep := range req.Endpoints {
		if err := s.join(ctx, rec, i, ep); err != nil {
			return nil, errors.Join(err, s.leave(context.WithoutCancel(ctx), rec))
		}
	}
	if err := s.save(rec); err != nil {
		return nil, errors.Join(err, s.leave(context.WithoutCancel(ctx), rec))
	}
	return rec.attachment()
}

// serves tells whether the record's wiring is what req asks for.
func (r *record) serves(req AttachRequest) bool {
	have := make([]Endpoint, 0, len(r.Joined))
	for _, j := range r.Joined {
		have = append(have, j.Endpoint)
	}
	return slices.Equal(r.Ports, req.Ports) && slices.EqualFunc(have, req.Endpoints, func(a, b Endpoint) bool {
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		return errX == nil && errY == nil && bytes.Equal(x, y)
	})
}

// join wires endpoint i. The intent is on disk before the plugins run.
func (s *Service) join(ctx context.Context, rec *record, i int, ep Endpoint) error {
	n, err := s.Network(ctx, ep.Network)
	if err != nil {
		return err
	}
	if n.Conflist == nil {
		return fmt.Errorf("network %s cannot be joined: it has no interfaces of its own: %w", n.Name, errdefs.ErrInvalidArgument)
	}
	// Published ports lead to the first endpoint, the one with the default route.
	ports := rec.Ports
	if i > 0 {
		ports = nil
	}
	if len(ports) > 0 && n.Firewall == "" {
		return fmt.Errorf("ports cannot be published on network %s: its driver %s has no port mapping: %w", n.Name, n.Driver, errdefs.ErrInvalidArgument)
	}
	caps, err := capabilities(ep, ports)
	if err != nil {
		return err
	}
	list, err := n.chain(len(ports) > 0)
	if err != nil {
		return fmt.Errorf("network %s: %w", n.Name, err)
	}
	if err := s.prepare(ctx, n); err != nil {
		return fmt.Errorf("preparing network %s: %w", n.Name, err)
	}
	known := *n
	known.Conflist = nil // List has it
	rec.Joined = append(rec.Joined, joined{Endpoint: ep, Network: known, IfName: "eth" + strconv.Itoa(i), List: list.Bytes, Caps: caps})
	if err := s.save(rec); err != nil {
		return err
	}
	return s.add(ctx, rec, &rec.Joined[len(rec.Joined)-1], list)
}

// add runs the chain, a second time if the first ran out of addresses or met one
// that is taken and a sweep found leases that nobody holds any more.
func (s *Service) add(ctx context.Context, rec *record, j *joined, list *libcni.NetworkConfigList) error {
	rt, err := s.runtime(rec, j)
	if err != nil {
		return err
	}
	res, err := s.cni.AddNetworkList(ctx, list, rt)
	if err != nil && addressProblem(err) && s.healAddresses(ctx, rec.ID, list, rt) {
		res, err = s.cni.AddNetworkList(ctx, list, rt)
	}
	if err != nil {
		return attachError(j, err)
	}
	result, err := current.NewResultFromResult(res)
	if err != nil {
		return fmt.Errorf("network %s: the plugins' result cannot be read: %w", j.Network.Name, err)
	}
	j.Result, err = json.Marshal(result)
	return err
}

// healAddresses gives back what an earlier, killed ADD of this container took and
// the leases that nobody holds any more. It tells whether another ADD is worth it.
func (s *Service) healAddresses(ctx context.Context, id string, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) bool {
	own, err := s.leasesOf(list.Name, id)
	if err != nil {
		return false
	}
	swept, err := s.sweepLeases(ctx, list.Name, id)
	if err != nil || len(own)+swept == 0 {
		return false
	}
	return s.cni.DelNetworkList(ctx, list, rt) == nil
}

// runtime is what libcni passes to the plugins for one interface.
func (s *Service) runtime(rec *record, j *joined) (*libcni.RuntimeConf, error) {
	rt := &libcni.RuntimeConf{ContainerID: rec.ID, IfName: j.IfName}
	// A namespace that is gone is no namespace: plugins then give back what
	// they hold outside of it.
	if path := s.cfg.Layout.Netns(rec.ID); s.host.pinned(path) {
		rt.NetNS = path
	}
	if len(j.Caps) == 0 {
		return rt, nil
	}
	if err := json.Unmarshal(j.Caps, &rt.CapabilityArgs); err != nil {
		return nil, fmt.Errorf("the network record of container %s: %w", rec.ID, err)
	}
	return rt, nil
}

// portMapping is an entry of the portMappings capability.
type portMapping struct {
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP,omitempty"`
}

// capabilities are the dynamic arguments of CNI's conventions, nil for none.
func capabilities(ep Endpoint, ports []PublishedPort) (json.RawMessage, error) {
	caps := map[string]any{}
	var ips []string
	for _, ip := range []interface {
		IsValid() bool
		String() string
	}{ep.IPv4, ep.IPv6} {
		if ip.IsValid() {
			ips = append(ips, ip.String())
		}
	}
	if len(ips) > 0 {
		caps["ips"] = ips
	}
	if ep.MAC != "" {
		caps["mac"] = ep.MAC
	}
	var maps []portMapping
	for _, p := range ports {
		if p.HostPort == 0 || p.ContainerPort == 0 {
			return nil, fmt.Errorf("port %s is not resolved: reserve it first: %w", p, errdefs.ErrInvalidArgument)
		}
		m := portMapping{HostPort: p.HostPort, ContainerPort: p.ContainerPort, Protocol: string(p.protocol())}
		// An unspecified address restricts the family only, as for Docker.
		if p.HostIP.IsValid() {
			m.HostIP = p.HostIP.String()
		}
		maps = append(maps, m)
	}
	if len(maps) > 0 {
		caps["portMappings"] = maps
	}
	if len(caps) == 0 {
		return nil, nil
	}
	return json.Marshal(caps)
}

// addressProblem tells the failures of host-local that a stale lease can cause.
// Plugins have no error code for them, so their words have to do.
func addressProblem(err error) bool {
	msg := err.Error()
	return strings.Contains(msg, "no IP addresses available") ||
		strings.Contains(msg, "is not available in range set") ||
		strings.Contains(msg, "duplicate allocation")
}

// attachError gives the plugins' words a kind and says what can be done.
func attachError(j *joined, err error) error {
	var missing *MissingPluginError
	if errors.As(err, &missing) {
		return fmt.Errorf("network %s: %w", j.Network.Name, missing)
	}
	if ctxErr := contextError(err); ctxErr != nil {
		return fmt.Errorf("network %s: %w", j.Network.Name, ctxErr)
	}
	msg := cniMessage(err)
	switch {
	case strings.Contains(msg, "no IP addresses available"):
		return errs.WithHint(fmt.Errorf("network %s has no free address: %w", j.Network.Name, errdefs.ErrResourceExhausted),
			"remove containers, or use a network with a larger subnet")
	case strings.Contains(msg, "is not available in range set"):
		return fmt.Errorf("network %s: address %s is already in use: %w", j.Network.Name, j.Endpoint.addresses(), errdefs.ErrAlreadyExists)
	case strings.Contains(msg, "failed to allocate all requested IPs"), strings.Contains(msg, "is subnet's gateway"):
		return fmt.Errorf("network %s: address %s is not one that containers can have: %w", j.Network.Name, j.Endpoint.addresses(), errdefs.ErrInvalidArgument)
	}
	return fmt.Errorf("network %s: %s", j.Network.Name, msg)
}

func contextError(err error) error {
	for _, c := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, c) {
			return c
		}
	}
	return nil
}

func (e Endpoint) addresses() string {
	var a []string
	if e.IPv4.IsValid() {
		a = append(a, e.IPv4.String())
	}
	if e.IPv6.IsValid() {
		a = append(a, e.IPv6.String())
	}
	return strings.Join(a, " and ")
}
