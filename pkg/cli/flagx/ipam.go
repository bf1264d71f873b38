package flagx

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
)

// IPAMConfig puts the flags of `network create` that speak of addresses together:
// each range, gateway and auxiliary address goes with the subnet that it is in. The
// messages are those of Docker's client.
func IPAMConfig(subnets []string, ranges []net.IPNet, gateways []net.IP, aux map[string]string) ([]network.IPAMConfig, error) {
	if len(subnets) < len(ranges) || len(subnets) < len(gateways) {
		return nil, errors.New("every ip-range or gateway must have a corresponding subnet")
	}
	var out []network.IPAMConfig
	for _, text := range subnets {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("invalid subnet %s: invalid CIDR block notation", text)
		}
		if slices.ContainsFunc(out, func(c network.IPAMConfig) bool { return c.Subnet.Overlaps(p) }) {
			return nil, errors.New("multiple overlapping subnet configuration is not supported")
		}
		out = append(out, network.IPAMConfig{Subnet: p})
	}
	of := func(a netip.Addr) *network.IPAMConfig {
		i := slices.IndexFunc(out, func(c network.IPAMConfig) bool { return c.Subnet.Contains(a) })
		if i < 0 {
			return nil
		}
		return &out[i]
	}
	for _, r := range ranges {
		p, err := prefix(r)
		if err != nil {
			return nil, err
		}
		c := of(p.Addr())
		switch {
		case c == nil:
			return nil, fmt.Errorf("no matching subnet for range %s", p)
		case c.IPRange.IsValid():
			return nil, fmt.Errorf("cannot configure multiple ranges (%s, %s) on the same subnet (%s)", p, c.IPRange, c.Subnet)
		}
		c.IPRange = p
	}
	for _, g := range gateways {
		a, _ := netip.AddrFromSlice(g)
		a = a.Unmap()
		c := of(a)
		switch {
		case c == nil:
			return nil, fmt.Errorf("no matching subnet for gateway %s", a)
		case c.Gateway.IsValid():
			return nil, fmt.Errorf("cannot configure multiple gateways (%s, %s) for the same subnet (%s)", a, c.Gateway, c.Subnet)
		}
		c.Gateway = a
	}
	for _, name := range slices.Sorted(maps.Keys(aux)) {
		a, err := netip.ParseAddr(aux[name])
		if err != nil {
			return nil, fmt.Errorf("invalid aux-address %s: %w", aux[name], err)
		}
		c := of(a)
		if c == nil {
			return nil, fmt.Errorf("no matching subnet for aux-address %s", a)
		}
		if c.AuxAddress == nil {
			c.AuxAddress = map[string]netip.Addr{}
		}
		c.AuxAddress[name] = a
	}
	return out, nil
}

func prefix(n net.IPNet) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if !ok || bits == 0 {
		return netip.Prefix{}, fmt.Errorf("invalid range %s", n.String())
	}
	return netip.PrefixFrom(a.Unmap(), ones), nil
}
