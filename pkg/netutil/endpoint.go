package netutil

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/moby/moby/api/types/network"
)

// planned is an endpoint with the network that it is in.
type planned struct {
	Endpoint
	net   *Network
	ports bool // published ports lead here
}

// plan looks the networks up and checks what is asked of each.
func (s *Service) plan(ctx context.Context, req AttachRequest) ([]planned, error) {
	var list []planned
	for _, ep := range req.Endpoints {
		n, err := s.Network(ctx, ep.Network)
		if err != nil {
			return nil, err
		}
		if n.Conflist == nil {
			return nil, fmt.Errorf("network %s cannot be joined: it has no interfaces of its own: %w", n.Name, errdefs.ErrInvalidArgument)
		}
		if err := n.checkEndpoint(ep); err != nil {
			return nil, err
		}
		list = append(list, planned{Endpoint: ep, net: n})
	}
	if len(req.Ports) > 0 && len(list) > 0 {
		i, err := publisher(list)
		if err != nil {
			return nil, err
		}
		list[i].ports = true
	}
	return list, nil
}

// publisher is the endpoint that published ports lead to: the one with the default
// route if it can have ports, else the first that can.
func publisher(list []planned) (int, error) {
	best := -1
	for i, p := range list {
		if p.net.canPublish() && (best < 0 || before(p.Endpoint, p.net.Name, list[best].Endpoint, list[best].net.Name) < 0) {
			best = i
		}
	}
	if best >= 0 {
		return best, nil
	}
	n := list[0].net
	if n.Internal {
		return 0, invalid("ports cannot be published on network %s: it is internal", n.Name)
	}
	return 0, fmt.Errorf("ports cannot be published on network %s: its driver %s has no port mapping: %w", n.Name, n.Driver, errdefs.ErrInvalidArgument)
}

// before orders endpoints by who is to have the default route, as Docker does.
func before(a Endpoint, nameA string, b Endpoint, nameB string) int {
	return cmp.Or(cmp.Compare(b.GwPriority, a.GwPriority), cmp.Compare(nameA, nameB))
}

// CheckEndpoint tells whether a container can have such an endpoint, before
// anything is made. The network's canonical name is returned.
func (s *Service) CheckEndpoint(ctx context.Context, ep Endpoint) (name string, err error) {
	n, err := s.Network(ctx, ep.Network)
	if err != nil {
		return "", err
	}
	return n.Name, n.checkEndpoint(ep)
}

// checkEndpoint refuses what the network cannot give, in Docker's words.
func (n *Network) checkEndpoint(ep Endpoint) error {
	bad := func(format string, args ...any) error {
		return invalid("invalid config for network "+n.Name+": invalid endpoint settings: "+format, args...)
	}
	for _, a := range []netip.Addr{ep.IPv4, ep.IPv6} {
		switch {
		case !a.IsValid():
		case n.Name == NetworkBridge:
			return bad("user specified IP address is supported on user defined networks only")
		case !n.UserPools:
			return bad("user specified IP address is supported only when connecting to networks with user configured subnets")
		case n.Subnets != nil && !slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Contains(a) }):
			return bad("no configured subnet or ip-range contain the IP address %s", a)
		case slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.reserved(a) }):
			return &kindError{fmt.Sprintf("network %s: address %s is already in use: Address already in use", n.Name, a), errdefs.ErrAlreadyExists}
		}
	}
	if n.IPAM == ipamStatic && !ep.IPv4.IsValid() && !ep.IPv6.IsValid() {
		return bad("network %s gives no addresses out: choose one with --ip", n.Name)
	}
	for _, a := range ep.LinkLocal {
		if !a.IsLinkLocalUnicast() {
			return bad("%s is not a link-local address", a)
		}
	}
	if mac, err := net.ParseMAC(ep.MAC); ep.MAC != "" && (err != nil || len(mac) != 6 || mac[0]&1 != 0) {
		return bad("%s is not a valid mac address", ep.MAC)
	}
	if n.Name == NetworkBridge && len(ep.Aliases) > 0 {
		return bad("network-scoped alias is supported only for containers in user defined networks")
	}
	for _, a := range ep.Aliases {
		if !isName(a) {
			return bad("%q is no name that can be resolved", a)
		}
	}
	_, err := ep.sysctls("eth0")
	if err == nil {
		err = ep.checkOpts()
	}
	return err
}

// reserved tells that an address is never given to a container.
func (s Subnet) reserved(a netip.Addr) bool {
	return a == s.Gateway || a == s.Subnet.Addr() || slices.Contains(slices.Collect(maps.Values(s.Aux)), a) || a.Is4() && a == lastAddr(s.Subnet) && s.Subnet.Contains(a)
}

// isName tells whether a resolver can be asked for it.
func isName(name string) bool {
	if name == "" || len(name) > 253 || strings.ContainsAny(name, " \t\r\n/\\:@\x00") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}

func (e Endpoint) checkOpts() error {
	for _, key := range slices.Sorted(maps.Keys(e.Opts)) {
		switch key {
		case optSysctls:
		case optIfName:
			if err := checkDevice(e.Opts[key]); err != nil {
				return err
			}
		default:
			return invalid("unknown driver option %q of an endpoint: it takes %s and %s", key, optIfName, optSysctls)
		}
	}
	return nil
}

// sysctls are the settings of the interface: their paths below /proc/sys and
// values. Docker writes the interface's name as IFNAME.
func (e Endpoint) sysctls(ifName string) (map[string]string, error) {
	text := e.Opts[optSysctls]
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for entry := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(entry, "=")
		parts := strings.Split(key, ".")
		if !ok || len(parts) != 5 || parts[0] != "net" || !strings.EqualFold(parts[3], "IFNAME") || (parts[1] != "ipv4" && parts[1] != "ipv6" && parts[1] != "mpls") ||
			strings.ContainsAny(key, "/ ") || parts[2] == "" || parts[4] == "" {
			return nil, invalid("invalid sysctl %q of an endpoint: net.ipv4.conf.IFNAME.NAME=VALUE is expected", entry)
		}
		out["net/"+parts[1]+"/"+parts[2]+"/"+ifName+"/"+parts[4]] = value
	}
	return out, nil
}

// ifName is the first free name for an interface of the container.
func (r *record) ifName(p planned) (string, error) {
	used := func(name string) bool {
		return slices.ContainsFunc(r.Joined, func(j joined) bool { return j.IfName == name })
	}
	if name := p.Opts[optIfName]; name != "" {
		if used(name) || name == "lo" {
			return "", &kindError{fmt.Sprintf("network %s: the container has an interface %s already", p.net.Name, name), errdefs.ErrConflict}
		}
		return name, nil
	}
	for i := 0; ; i++ {
		if name := p.net.ifPrefix() + strconv.Itoa(i); !used(name) {
			return name, nil
		}
	}
}

// publishes tells whether the published ports lead to this endpoint.
func (j *joined) publishes() bool { return bytes.Contains(j.Caps, []byte(`"portMappings"`)) }

// settings are the operational fields of Docker's endpoint settings.
func (j *joined) settings(id string) (*network.EndpointSettings, error) {
	var res current.Result
	if err := json.Unmarshal(j.Result, &res); err != nil {
		return nil, fmt.Errorf("the network record of container %s: %w", id, err)
	}
	return settings(id, j, &res), nil
}

// defaultRoute is where packets go that no other route knows.
type defaultRoute struct {
	via netip.Addr
	dev string
}

// defaultRoutes are the container's, at most one for each family: those of the
// endpoint that comes first, see before. An internal network has none.
func (r *record) defaultRoutes() ([]defaultRoute, error) {
	order := slices.Clone(r.Joined)
	slices.SortStableFunc(order, func(a, b joined) int { return before(a.Endpoint, a.Network.Name, b.Endpoint, b.Network.Name) })
	var routes []defaultRoute
	for _, j := range order {
		if j.Network.Internal || len(j.Result) == 0 {
			continue
		}
		es, err := j.settings(r.ID)
		if err != nil {
			return nil, err
		}
		for _, gw := range []netip.Addr{es.Gateway, es.IPv6Gateway} {
			has := func(d defaultRoute) bool { return d.via.Is4() == gw.Is4() }
			if gw.IsValid() && !slices.ContainsFunc(routes, has) {
				routes = append(routes, defaultRoute{gw, j.IfName})
			}
		}
	}
	return routes, nil
}
