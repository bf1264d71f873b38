package netutil

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

func cmpString(a, b string) int { return cmp.Compare(a, b) }

// defaultPools are the ranges Docker takes its networks from, in its order.
func defaultPools() []netip.Prefix {
	var pools []netip.Prefix
	for b := byte(17); b <= 31; b++ {
		pools = append(pools, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, b, 0, 0}), 16))
	}
	for b := 0; b < 256; b += 16 {
		pools = append(pools, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(b), 0}), 20))
	}
	return pools
}

// freeSubnet is the first candidate that overlaps nothing taken.
func freeSubnet(candidates, taken []netip.Prefix) (netip.Prefix, bool) {
next:
	for _, c := range candidates {
		for _, t := range taken {
			if c.Overlaps(t) {
				continue next
			}
		}
		return c.Masked(), true
	}
	return netip.Prefix{}, false
}

// taken is every range that the host has an address in or a route to. The
// default route covers everything and says nothing. What belongs to the device own
// is not counted: the bridge of a network whose conflist was lost keeps its range.
func (kernel) taken(own string) ([]netip.Prefix, error) {
	routes, err := routeList(netlink.FAMILY_ALL, &netlink.Route{})
	if err != nil {
		return nil, fmt.Errorf("listing the routes of the host: %w", err)
	}
	addrs, err := addrList()
	if err != nil {
		return nil, fmt.Errorf("listing the addresses of the host: %w", err)
	}
	index := -1
	if link, err := netlink.LinkByName(own); err == nil {
		index = link.Attrs().Index
	}
	var taken []netip.Prefix
	add := func(n *net.IPNet) {
		if p, ok := prefixOf(n); ok && p.Bits() > 0 {
			taken = append(taken, p.Masked())
		}
	}
	for _, r := range routes {
		if r.LinkIndex != index {
			add(r.Dst)
		}
	}
	for _, a := range addrs {
		if a.LinkIndex != index {
			add(a.IPNet)
		}
	}
	return taken, nil
}

// addresses are those of the host's interfaces but for one.
func (kernel) addresses(except string) (map[string][]netip.Prefix, error) {
	links, err := linkList()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces of the host: %w", err)
	}
	addrs, err := addrList()
	if err != nil {
		return nil, fmt.Errorf("listing the addresses of the host: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	out := map[string][]netip.Prefix{}
	for _, a := range addrs {
		name := names[a.LinkIndex]
		if p, ok := prefixOf(a.IPNet); ok && name != "" && name != except {
			out[name] = append(out[name], p)
		}
	}
	return out, nil
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if !ok || bits == 0 {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap()
	if addr.Is4() && bits == 128 {
		ones -= 96
	}
	return netip.PrefixFrom(addr, ones), ones >= 0
}

// dumpTries is how often a list is asked for anew that changed while the kernel
// was writing it.
const dumpTries = 20

// whole asks the kernel for a list until it has it in one piece.
func whole[T any](list func() ([]T, error)) (out []T, err error) {
	for range dumpTries {
		if out, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return out, err
		}
	}
	return out, err
}

func linkList() ([]netlink.Link, error) { return whole(netlink.LinkList) }

func addrList() ([]netlink.Addr, error) {
	return whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
}

func routeList(family int, filter *netlink.Route) ([]netlink.Route, error) {
	return whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, filter, netlink.RT_FILTER_TABLE)
	})
}
