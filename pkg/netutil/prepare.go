package netutil

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// kernel is the host as it is.
type kernel struct{}

// prepare sees to the bridge, its rules and forwarding before a container joins:
// after a reboot, or when someone flushed the firewall, they are not there. Looking
// takes a fraction of a millisecond; only what is missing is made, under a lock.
func (s *Service) prepare(ctx context.Context, n *Network) (err error) {
	switch {
	case n.Driver == driverMacvlan || n.Driver == driverIPvlan:
		if n.foreign() {
			return nil
		}
		if err := s.host.makeParent(n); err != nil {
			return err
		}
		fallthrough
	case n.IPAM == ipamDHCP:
		return s.ensureDHCP(ctx, n)
	case n.Firewall == "":
		return nil // a foreign conflist: its plugins do all of it
	}
	rs := s.rules(n.Firewall)
	if ok, err := s.host.ready(ctx, n, rs); ok || err != nil {
		return err
	}
	l, err := s.networksLock(ctx)
	if err != nil {
		return err
	}
	defer releaseLock(l, &err)
	if ok, err := s.host.ready(ctx, n, rs); ok || err != nil {
		return err
	}
	all, err := s.ruled(ctx, n.Firewall)
	if err != nil {
		return err
	}
	return s.host.prepare(ctx, n, all, rs)
}

func (kernel) ready(ctx context.Context, n *Network, rs ruleSet) (bool, error) {
	link, err := netlink.LinkByName(n.Bridge)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if link.Type() != "bridge" {
		return false, fmt.Errorf("the device %s is no bridge but a %s: remove or rename it", n.Bridge, link.Type())
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		return false, nil
	}
	if no, err := refused(n.Bridge); no || err != nil {
		return false, err
	}
	if n.Internal {
		return rs.present(ctx, n)
	}
	for _, sub := range n.Subnets {
		if on, err := forwarding(sub.Subnet); !on || err != nil {
			return false, err
		}
	}
	return rs.present(ctx, n)
}

func (kernel) prepare(ctx context.Context, n *Network, all []*Network, rs ruleSet) error {
	if err := makeBridge(n); err != nil {
		return fmt.Errorf("making the bridge %s: %w", n.Bridge, err)
	}
	for _, sub := range n.Subnets {
		if n.Internal {
			break // nothing of it is forwarded
		}
		if err := enableForwarding(sub.Subnet); err != nil {
			return err
		}
	}
	if err := rs.install(ctx, all, n); err != nil {
		return err
	}
	return trust(ctx, n.Bridge)
}

// clear puts the rules of the other networks in place of all.
func (kernel) clear(ctx context.Context, gone *Network, all []*Network, rs ruleSet) error {
	if !gone.KeepBridge {
		forget(ctx, gone.Bridge)
	}
	return rs.install(ctx, all, gone)
}

// makeBridge makes the device ahead of the plugin. It gets a fixed MAC address:
// without one a bridge takes that of a port, and changes it, and with it what
// containers have in their ARP caches, whenever the port goes.
func makeBridge(n *Network) error {
	link, err := netlink.LinkByName(n.Bridge)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = n.Bridge
		if attrs.HardwareAddr, err = randomMAC(); err != nil {
			return err
		}
		if mtu := n.mtu(); mtu > 0 {
			attrs.MTU = mtu
		}
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		if link, err = netlink.LinkByName(n.Bridge); err == nil && n.Mark != "" && !n.KeepBridge {
			err = netlink.LinkSetAlias(link, n.Mark)
		}
	}
	if err != nil {
		return err
	}
	// A process killed here leaves a bridge without its address: whoever comes
	// next finds it down and does it again.
	for _, p := range bridgeAddresses(n, link.Attrs().HardwareAddr) {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD // or nobody could be answered from it for seconds
		}
		if err := netlink.AddrReplace(link, addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// bridgeAddresses are those a bridge gets: the gateways, and with IPv6 the address
// for its link that the kernel would choose. The kernel's own is not used before it
// has made sure, for two seconds, that nobody else has it, and without it the
// kernel cannot ask for the container that a packet from elsewhere is for: the first
// connections to published ports would time out.
func bridgeAddresses(n *Network, mac net.HardwareAddr) []netip.Prefix {
	var list []netip.Prefix
	six := false
	for _, sub := range n.Subnets {
		list = append(list, netip.PrefixFrom(sub.Gateway, sub.Subnet.Bits()))
		six = six || sub.Gateway.Is6()
	}
	if six && len(mac) == 6 {
		list = append(list, netip.PrefixFrom(linkLocal(mac), 64))
	}
	return list
}

// linkLocal is the address for the link of an interface, after RFC 4291, appendix A.
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

// randomMAC is a locally administered unicast address.
func randomMAC() (net.HardwareAddr, error) {
	mac := make(net.HardwareAddr, 6)
	if _, err := rand.Read(mac); err != nil {
		return nil, err
	}
	mac[0] = mac[0]&^1 | 2
	return mac, nil
}

func forwardingFile(p netip.Prefix) string {
	if p.Addr().Is6() {
		return "/proc/sys/net/ipv6/conf/all/forwarding"
	}
	return "/proc/sys/net/ipv4/ip_forward"
}

func forwarding(p netip.Prefix) (bool, error) {
	data, err := os.ReadFile(forwardingFile(p))
	if err != nil {
		return false, err
	}
	return len(data) > 0 && data[0] != '0', nil
}

// enableForwarding turns the host into a router if it is none yet, as Docker
// does. It stays on: others may rely on it by then. nerd's own rules keep new
// connections from outside off the bridges, see ruleSet.
func enableForwarding(p netip.Prefix) error {
	if on, err := forwarding(p); on || err != nil {
		return err
	}
	if err := os.WriteFile(forwardingFile(p), []byte("1\n"), 0o644); err != nil {
		return errs.WithHint(fmt.Errorf("IP forwarding is switched off and cannot be switched on: %w", err), "write 1 to %s, or use --network host or none", forwardingFile(p))
	}
	return nil
}
