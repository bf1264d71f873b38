package netutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
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
		rec.Name, rec.Hostname = req.Name, req.Hostname
		return s.finish(ctx, rec)
	}
	if len(rec.Joined) > 0 {
		if err := s.leave(ctx, rec); err != nil {
			return nil, err
		}
	}
	list, err := s.plan(ctx, req)
	if err != nil {
		return nil, err
	}
	rec.Name, rec.Hostname, rec.DNS, rec.Ports = req.Name, req.Hostname, req.DNS, req.Ports
	for _, p := range list {
		if err := s.join(ctx, rec, p, chainOptions{noRoutes: len(list) > 1}); err != nil {
			return nil, errors.Join(err, s.leave(context.WithoutCancel(ctx), rec))
		}
	}
	if len(list) > 1 {
		err = s.settleRoutes(rec)
	}
	if err != nil {
		return nil, errors.Join(err, s.leave(context.WithoutCancel(ctx), rec))
	}
	if a, err = s.finish(ctx, rec); err != nil {
		return nil, errors.Join(err, s.leave(context.WithoutCancel(ctx), rec))
	}
	return a, nil
}

// finish writes the record, from which the resolver knows the container, and sees
// to it that there is a resolver.
func (s *Service) finish(ctx context.Context, rec *record) (*Attachment, error) {
	rec.Ended = false
	if err := s.save(rec); err != nil {
		return nil, err
	}
	a, err := rec.attachment()
	if err != nil {
		return nil, err
	}
	a.Names = s.resolvers(ctx, rec)
	return a, nil
}

// serves tells whether the record's wiring is what req asks for. The order is of
// no account: a network that was connected later comes last in the record.
func (r *record) serves(req AttachRequest) bool {
	var have, want []string
	for _, j := range r.Joined {
		have = append(have, j.Endpoint.key())
	}
	for _, e := range req.Endpoints {
		want = append(want, e.key())
	}
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(r.Ports, req.Ports) && slices.Equal(r.DNS, req.DNS) && slices.Equal(have, want)
}

// key is a text that two endpoints share if they ask for the same.
func (e Endpoint) key() string {
	data, err := json.Marshal(e)
	if err != nil {
		return "\x00" + err.Error() // equals nothing
	}
	return string(data)
}

// join wires an endpoint. The intent is on disk before the plugins run.
func (s *Service) join(ctx context.Context, rec *record, p planned, o chainOptions) error {
	n := p.net
	var ports []PublishedPort
	if p.ports {
		ports = rec.Ports
	}
	caps, err := capabilities(*n, p.Endpoint, ports)
	if err != nil {
		return err
	}
	o.ports, o.any4, o.any6 = len(ports) > 0, p.IPv4.IsValid(), p.IPv6.IsValid()
	list, err := n.chain(o)
	if err != nil {
		return fmt.Errorf("network %s: %w", n.Name, err)
	}
	ifName, err := rec.ifName(p)
	if err != nil {
		return err
	}
	known := *n
	known.Conflist = nil // List has it
	rec.Joined = append(rec.Joined, joined{Endpoint: p.Endpoint, Network: known, IfName: ifName, List: list.Bytes, Caps: caps})
	if err := s.save(rec); err != nil {
		return err
	}
	// From here on a removal of the network sees the record. One that came before
	// is seen here.
	if there, err := s.still(n); !there || err != nil {
		return errors.Join(notFoundError(n.Name), err)
	}
	if err := s.prepare(ctx, n); err != nil {
		return fmt.Errorf("preparing network %s: %w", n.Name, err)
	}
	j := &rec.Joined[len(rec.Joined)-1]
	if err := s.add(ctx, rec, j, list); err != nil {
		return err
	}
	sysctls, err := p.sysctls(ifName)
	if err != nil || len(sysctls)+len(p.LinkLocal) == 0 {
		return err
	}
	if err := s.host.tune(s.cfg.Layout.Netns(rec.ID), ifName, p.LinkLocal, sysctls); err != nil {
		return fmt.Errorf("network %s: %w", n.Name, err)
	}
	return nil
}

// still tells whether a network has not been removed since it was read.
func (s *Service) still(n *Network) (bool, error) {
	_, err := os.Stat(n.File)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// add runs the chain, a second time if the first ran out of addresses or met one
// that is taken, once what nobody holds any more has been swept.
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

// healAddresses gives back what the ADD that failed, or an earlier, killed one of
// this container took, and the leases that nobody holds any more. It tells whether
// another ADD is worth it: also when there was nothing to sweep, for that may mean
// that it has just been given back.
func (s *Service) healAddresses(ctx context.Context, id string, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) bool {
	if _, err := s.sweepLeases(ctx, list.Name, id); err != nil {
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
func capabilities(n Network, ep Endpoint, ports []PublishedPort) (json.RawMessage, error) {
	caps := map[string]any{}
	var ips []string
	for _, ip := range []netip.Addr{ep.IPv4, ep.IPv6} {
		if ip.IsValid() {
			ips = append(ips, n.ipArgument(ip))
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

// ipArgument is an address as the network's IPAM plugin wants it: static has to be
// told the size of the subnet.
func (n *Network) ipArgument(ip netip.Addr) string {
	for _, sub := range n.Subnets {
		if n.IPAM == ipamStatic && sub.Subnet.Contains(ip) {
			return netip.PrefixFrom(ip, sub.Subnet.Bits()).String()
		}
	}
	return ip.String()
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
		return errs.WithHint(&kindError{fmt.Sprintf("no available IPv4 addresses on this network's address pools: %s (%s)", j.Network.Name, j.Network.ID), errdefs.ErrResourceExhausted},
			"remove containers, or use a network with a larger subnet")
	case strings.Contains(msg, "is not available in range set"), strings.Contains(msg, "duplicate allocation"):
		return &kindError{fmt.Sprintf("network %s: address %s is already in use: Address already in use", j.Network.Name, j.Endpoint.addresses()), errdefs.ErrAlreadyExists}
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
