package flagx

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/cli/opts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// endpoints reads --network and the flags that concern it. The first network is
// the mode of the container; the options of each go into its endpoint.
func (c *ContainerFlags) endpoints() (map[string]*network.EndpointSettings, error) {
	wanted := slices.Clone(c.networks.Value())
	if len(wanted) == 0 {
		wanted = []opts.NetworkAttachmentOpts{{Target: network.NetworkDefault}}
	}
	if err := c.mergeNetworkFlags(&wanted[0]); err != nil {
		return nil, err
	}
	c.Host.NetworkMode = container.NetworkMode(wanted[0].Target)
	out := map[string]*network.EndpointSettings{}
	user := 0
	for _, n := range wanted {
		mode := container.NetworkMode(n.Target)
		if n.Target == "" {
			return nil, errors.New("no name set for network")
		}
		if _, twice := out[n.Target]; twice {
			return nil, fmt.Errorf("network %q is specified multiple times", n.Target)
		}
		if userDefined(mode) {
			user++
		}
		endpoint, err := endpoint(n)
		if err != nil {
			return nil, err
		}
		out[n.Target] = endpoint
	}
	if user > 0 && user < len(wanted) {
		return nil, errors.New("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
	}
	if len(wanted) > 1 && user == 0 {
		return nil, fmt.Errorf("conflicting options: only one of the networks %s and %s can be used", wanted[0].Target, wanted[1].Target)
	}
	if len(out) == 1 && isPlain(out[wanted[0].Target]) {
		return nil, nil // the mode says it all
	}
	return out, nil
}

// userDefined tells a network that somebody has made. A namespace is none.
func userDefined(mode container.NetworkMode) bool {
	return mode.IsUserDefined() && !strings.HasPrefix(string(mode), "ns:")
}

// isPlain: nothing but defaults was asked for.
func isPlain(e *network.EndpointSettings) bool {
	return e.IPAMConfig == nil && len(e.Aliases) == 0 && len(e.Links) == 0 && len(e.DriverOpts) == 0 && len(e.MacAddress) == 0 && e.GwPriority == 0
}

// mergeNetworkFlags adds the flags that are older than the long form of
// --network to the first network.
func (c *ContainerFlags) mergeNetworkFlags(n *opts.NetworkAttachmentOpts) error {
	conflict := func(flag, what string) error {
		return fmt.Errorf("conflicting options: cannot specify both --%s and per-network %s", flag, what)
	}
	switch {
	case len(n.Aliases) > 0 && len(c.aliases) > 0:
		return conflict("network-alias", "alias")
	case n.IPv4Address.IsValid() && c.ipv4 != nil:
		return conflict("ip", "IPv4 address")
	case n.IPv6Address.IsValid() && c.ipv6 != nil:
		return conflict("ip6", "IPv6 address")
	case n.MacAddress != "" && c.macAddress != "":
		return conflict("mac-address", "MAC address")
	case len(n.LinkLocalIPs) > 0 && len(c.linkLocalIPs) > 0:
		return conflict("link-local-ip", "link-local IP addresses")
	case len(n.Links) > 0 && len(c.links) > 0:
		return conflict("link", "links")
	}
	n.Links, c.Host.Links = append(slices.Clone(n.Links), c.links...), c.links
	n.Aliases = append(slices.Clone(n.Aliases), c.aliases...)
	if c.ipv4 != nil {
		n.IPv4Address, _ = netip.AddrFromSlice(c.ipv4.To4())
	}
	if c.ipv6 != nil {
		n.IPv6Address, _ = netip.AddrFromSlice(c.ipv6.To16())
	}
	if c.macAddress != "" {
		n.MacAddress = c.macAddress
	}
	for _, text := range c.linkLocalIPs {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("--link-local-ip: %w", err)
		}
		n.LinkLocalIPs = append(n.LinkLocalIPs, addr)
	}
	return nil
}

func endpoint(n opts.NetworkAttachmentOpts) (*network.EndpointSettings, error) {
	mode := container.NetworkMode(n.Target)
	out := &network.EndpointSettings{Aliases: n.Aliases, DriverOpts: n.DriverOpts, GwPriority: n.GwPriority}
	if userDefined(mode) {
		out.Links = n.Links
	}
	if len(n.Aliases) > 0 && !userDefined(mode) {
		return nil, errors.New("network-scoped aliases are only supported for user-defined networks")
	}
	if n.IPv4Address.IsValid() || n.IPv6Address.IsValid() || len(n.LinkLocalIPs) > 0 {
		if !userDefined(mode) {
			return nil, errors.New("user specified IP address is supported on user defined networks only")
		}
		if n.IPv4Address.IsValid() && !n.IPv4Address.Is4() {
			return nil, fmt.Errorf("invalid IPv4 address: %s", n.IPv4Address)
		}
		if n.IPv6Address.IsValid() && !n.IPv6Address.Is6() {
			return nil, fmt.Errorf("invalid IPv6 address: %s", n.IPv6Address)
		}
		out.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: n.IPv4Address, IPv6Address: n.IPv6Address, LinkLocalIPs: n.LinkLocalIPs}
	}
	if n.MacAddress != "" {
		mac, err := net.ParseMAC(n.MacAddress)
		if err != nil {
			return nil, fmt.Errorf("%s is not a valid mac address", n.MacAddress)
		}
		out.MacAddress = network.HardwareAddr(mac)
	}
	return out, nil
}
