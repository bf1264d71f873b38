package compose

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

func (b *build) ports() error {
	exposed, bindings := network.PortSet{}, network.PortMap{}
	for _, text := range b.s.Expose {
		r, err := network.ParsePortRange(text)
		if err != nil {
			return b.wrong("expose", err)
		}
		for p := range r.All() {
			exposed[p] = struct{}{}
		}
	}
	for _, p := range b.s.Ports {
		proto := p.Protocol
		if proto == "" {
			proto = "tcp"
		}
		port, err := network.ParsePort(fmt.Sprintf("%d/%s", p.Target, proto))
		if err != nil {
			return err
		}
		binding := network.PortBinding{HostPort: p.Published}
		if p.HostIP != "" {
			if binding.HostIP, err = netip.ParseAddr(strings.Trim(p.HostIP, "[]")); err != nil {
				return err
			}
		}
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], binding)
	}
	if len(exposed) > 0 {
		b.cfg.ExposedPorts = exposed
	}
	if len(bindings) > 0 {
		b.host.PortBindings = bindings
	}
	return nil
}

// networks joins the container to its networks, the most wanted first.
func (b *build) networks() error {
	if mode := b.s.NetworkMode; mode != "" {
		resolved, err := b.shared(mode)
		if err != nil {
			return b.wrong("network_mode", err)
		}
		b.host.NetworkMode = apicontainer.NetworkMode(resolved)
		return nil
	}
	order := b.s.NetworksByPriority()
	if len(order) == 0 {
		b.host.NetworkMode = "none"
		return nil
	}
	links, err := b.links()
	if err != nil {
		return b.wrong("links", err)
	}
	b.out.Networks = map[string]*network.EndpointSettings{}
	for i, key := range order {
		n, ok := b.project.Networks[key]
		if !ok {
			return fmt.Errorf("refers to undefined network %s", key)
		}
		es, err := b.endpoint(b.s.Networks[key])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		es.Links = links
		if i == 0 {
			b.host.NetworkMode = apicontainer.NetworkMode(n.Name)
			if mac := b.s.MacAddress; mac != "" && es.MacAddress == nil {
				if es.MacAddress, err = parseMAC(mac); err != nil {
					return b.wrong("mac_address", err)
				}
			}
		}
		b.out.Networks[n.Name] = es
	}
	return nil
}

// links are the other names of containers: those of services, and of containers
// outside of the project.
func (b *build) links() ([]string, error) {
	var out []string
	for _, link := range b.s.Links {
		service, alias, ok := strings.Cut(link, ":")
		if !ok {
			alias = service
		}
		name, err := b.container(service)
		if err != nil {
			return nil, err
		}
		out = append(out, name+":"+alias)
	}
	for _, link := range b.s.ExternalLinks {
		name, alias, ok := strings.Cut(link, ":")
		if !ok {
			alias = name
		}
		out = append(out, name+":"+alias)
	}
	return out, nil
}

func (b *build) endpoint(c *types.ServiceNetworkConfig) (*network.EndpointSettings, error) {
	es := &network.EndpointSettings{}
	if c.ServiceNameAliasEnabled() {
		es.Aliases = append(es.Aliases, b.s.Name)
	}
	if c == nil {
		return es, nil
	}
	es.Aliases = append(es.Aliases, c.Aliases...)
	es.GwPriority, es.DriverOpts = c.GatewayPriority, c.DriverOpts
	ipam := &network.EndpointIPAMConfig{}
	for _, a := range []struct {
		name, text string
		to         *netip.Addr
	}{{"ipv4_address", c.Ipv4Address, &ipam.IPv4Address}, {"ipv6_address", c.Ipv6Address, &ipam.IPv6Address}} {
		if a.text == "" {
			continue
		}
		addr, err := netip.ParseAddr(a.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		*a.to, es.IPAMConfig = addr, ipam
	}
	for _, text := range c.LinkLocalIPs {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("link_local_ips: %w", err)
		}
		ipam.LinkLocalIPs, es.IPAMConfig = append(ipam.LinkLocalIPs, addr), ipam
	}
	var err error
	if c.MacAddress != "" {
		es.MacAddress, err = parseMAC(c.MacAddress)
	}
	return es, err
}

func parseMAC(text string) (network.HardwareAddr, error) {
	mac, err := net.ParseMAC(text)
	return network.HardwareAddr(mac), err
}
