package netutil

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// chooseSubnets checks the subnets that were given and adds what is missing. The
// caller holds the networks' lock.
func (s *Service) chooseSubnets(ctx context.Context, n *Network, o CreateOptions, existing []Network) ([]Subnet, error) {
	if n.IPAM == ipamDHCP {
		return nil, nil
	}
	v4, v6 := o.wantsFamily()
	if !v4 && !v6 {
		return nil, invalid("IPv4 or IPv6 must be enabled")
	}
	var out []Subnet
	for _, c := range o.IPAM.Config {
		sub, err := givenSubnet(c)
		if err != nil {
			return nil, err
		}
		family := v4
		if sub.Subnet.Addr().Is6() {
			family = v6
		}
		if !family {
			return nil, invalid("the subnet %s is of an address family that is switched off", sub.Subnet)
		}
		if err := s.checkOverlap(n, sub.Subnet, existing, out); err != nil {
			return nil, err
		}
		out = append(out, sub)
	}
	count := func(six bool) (c int) {
		for _, sub := range out {
			if sub.Subnet.Addr().Is6() == six {
				c++
			}
		}
		return c
	}
	if n.Driver == driverBridge && (count(false) > 1 || count(true) > 1) {
		return nil, invalid("bridge driver doesn't support multiple subnets: give one of IPv4 and one of IPv6")
	}
	if v4 && count(false) == 0 {
		p, err := s.chooseSubnet(ctx, n.Bridge, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, Subnet{Subnet: p, Gateway: p.Addr().Next()})
	}
	if v6 && count(true) == 0 {
		p, err := uniqueLocal()
		if err != nil {
			return nil, err
		}
		out = append(out, Subnet{Subnet: p, Gateway: p.Addr().Next()})
	}
	slices.SortStableFunc(out, func(a, b Subnet) int { return a.Subnet.Addr().BitLen() - b.Subnet.Addr().BitLen() })
	return out, nil
}

// chooseSubnet is the first pool that overlaps neither the host nor a network.
func (s *Service) chooseSubnet(ctx context.Context, bridge string, candidates []netip.Prefix) (netip.Prefix, error) {
	taken, err := s.host.taken(bridge)
	if err != nil {
		return netip.Prefix{}, err
	}
	existing, err := s.Networks(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, n := range existing {
		for _, sub := range n.Subnets {
			taken = append(taken, sub.Subnet)
		}
	}
	if len(candidates) == 0 {
		candidates = defaultPools()
	}
	subnet, ok := freeSubnet(candidates, taken)
	if !ok {
		return subnet, errs.WithHint(fmt.Errorf("every private subnet that could be used overlaps a route of this host: %w", errdefs.ErrResourceExhausted),
			"remove unused networks or routes, or choose a subnet with --subnet")
	}
	return subnet, nil
}

// uniqueLocal is a random /64 of the addresses for private use (RFC 4193): it
// overlaps nothing for all practical purposes.
func uniqueLocal() (netip.Prefix, error) {
	raw := [16]byte{0: 0xfd}
	if _, err := rand.Read(raw[1:8]); err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(netip.AddrFrom16(raw), 64), nil
}

// checkOverlap refuses a subnet that another network has, or an interface of the
// host in case of a bridge, whose route would shadow it.
func (s *Service) checkOverlap(n *Network, p netip.Prefix, existing []Network, own []Subnet) error {
	overlap := func(other netip.Prefix, of string) error {
		return &kindError{fmt.Sprintf("Pool overlaps with other one on this address space: %s of %s", other, of), errdefs.ErrPermissionDenied}
	}
	for _, o := range own {
		if o.Subnet.Overlaps(p) {
			return invalid("multiple overlapping subnet configuration is not supported")
		}
	}
	for i := range existing {
		for _, o := range existing[i].Subnets {
			if o.Subnet.Overlaps(p) {
				return overlap(o.Subnet, "network "+existing[i].Name)
			}
		}
	}
	if n.Driver != driverBridge {
		return nil // its containers are in the network of the parent, which the host may be in too
	}
	addrs, err := s.host.addresses(n.Bridge)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(addrs)) {
		for _, a := range addrs[name] {
			if a.Overlaps(p) {
				return overlap(a.Masked(), "the interface "+name)
			}
		}
	}
	return nil
}

// givenSubnet checks one part of the configuration and fills in the gateway.
func givenSubnet(c network.IPAMConfig) (Subnet, error) {
	p := c.Subnet
	switch {
	case !p.IsValid():
		return Subnet{}, invalid("every ip-range or gateway must have a corresponding subnet")
	case p.Masked() != p:
		return Subnet{}, invalid("invalid network config: invalid subnet %s: it should be %s", p, p.Masked())
	case p.Addr().BitLen()-p.Bits() < 2:
		return Subnet{}, invalid("invalid network config: the subnet %s has no room for a gateway and a container", p)
	case c.IPRange.IsValid() && (!p.Contains(c.IPRange.Addr()) || c.IPRange.Bits() < p.Bits()):
		return Subnet{}, invalid("no matching subnet for range %s", c.IPRange)
	case c.Gateway.IsValid() && !p.Contains(c.Gateway):
		return Subnet{}, invalid("no matching subnet for gateway %s", c.Gateway)
	}
	for _, name := range slices.Sorted(maps.Keys(c.AuxAddress)) {
		if a := c.AuxAddress[name]; !p.Contains(a) {
			return Subnet{}, invalid("no matching subnet for aux-address %s", a)
		}
	}
	sub := Subnet{Subnet: p, Gateway: c.Gateway, Range: c.IPRange, Aux: c.AuxAddress}
	if !sub.Gateway.IsValid() {
		sub.Gateway = p.Addr().Next()
		for slices.Contains(slices.Collect(maps.Values(c.AuxAddress)), sub.Gateway) {
			sub.Gateway = sub.Gateway.Next()
		}
	}
	if sub.Gateway == p.Addr() || p.Addr().Is4() && sub.Gateway == lastAddr(p) || !p.Contains(sub.Gateway) {
		return Subnet{}, invalid("invalid network config: the address %s of the subnet %s cannot be a gateway", sub.Gateway, p)
	}
	if len(sub.ranges()) == 0 {
		return Subnet{}, invalid("invalid network config: the subnet %s has no address left to give out", p)
	}
	return sub, nil
}
