package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// writeNetworkFiles fills /etc/hosts and /etc/resolv.conf. The files are mounted
// already, so they are written in place.
func (s *Service) writeNetworkFiles(ctx context.Context, c *Container, att *netutil.Attachment) error {
	if c.HostConfig.NetworkMode.IsContainer() {
		return nil // the other container's are mounted
	}
	if err := s.writeHosts(ctx, c, att); err != nil {
		return err
	}
	resolv, err := resolvConf(c, att)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.cfg.Layout.Container(c.ID), resolvFile), resolv, 0o644)
}

// writeHosts fills /etc/hosts. Without an attachment the container runs, and its
// status says what it has.
func (s *Service) writeHosts(ctx context.Context, c *Container, att *netutil.Attachment) error {
	path := filepath.Join(s.cfg.Layout.Container(c.ID), hostsFile)
	if c.HostConfig.NetworkMode.IsHost() {
		if own, err := os.ReadFile("/etc/hosts"); err == nil {
			return os.WriteFile(path, own, 0o644)
		}
	}
	networks, gateway := c.Status.Networks, netip.Addr{}
	if att != nil {
		networks, gateway = att.Networks, att.Gateway
	}
	var addrs []netip.Addr
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		e := networks[name]
		for _, a := range []netip.Addr{e.IPAddress, e.GlobalIPv6Address} {
			if a.IsValid() {
				addrs = append(addrs, a)
			}
		}
		if !gateway.IsValid() {
			gateway = e.Gateway
		}
	}
	extra, err := s.hostGateway(ctx, c.HostConfig.ExtraHosts, gateway)
	if err != nil {
		return err
	}
	list, err := s.links(ctx, c)
	if err != nil {
		return err
	}
	if err := s.noteLinks(c, list); err != nil {
		return err
	}
	hosts, err := netutil.Hosts(c.Config.Hostname, c.Config.Domainname, addrs, extra, hostsLines(list)...)
	if err != nil {
		return err
	}
	return os.WriteFile(path, hosts, 0o644)
}

// writeForwards tells the monitor where connections lead that reach a published
// port by IPv6.
func (s *Service) writeForwards(c *Container, att *netutil.Attachment, ports []netutil.PublishedPort) error {
	for proto, name := range map[network.IPProtocol]string{network.TCP: monitor.ForwardName, network.UDP: monitor.ForwardUDPName} {
		var table strings.Builder
		for _, p := range ports {
			if p.Protocol == proto && att.PortsTo.Is4() {
				fmt.Fprintf(&table, "%d %s %d\n", p.HostPort, att.PortsTo, p.ContainerPort)
			}
		}
		if table.Len() == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), name), []byte(table.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// hostGateway replaces the word host-gateway of --add-host by the host's address
// as the container reaches it: its default route, or without one, as in an internal
// network, the default bridge's.
func (s *Service) hostGateway(ctx context.Context, extra []string, gateway netip.Addr) ([]string, error) {
	out := slices.Clone(extra)
	for i, e := range out {
		name, ok := strings.CutSuffix(e, ":host-gateway")
		if !ok {
			continue
		}
		if !gateway.IsValid() {
			n, err := s.cfg.Networks.Network(ctx, netutil.NetworkBridge)
			if err != nil || len(n.Subnets) == 0 {
				return nil, errors.Join(fmt.Errorf("--add-host %s: the host has no address that the container could reach", e), err)
			}
			gateway = n.Subnets[0].Gateway
		}
		out[i] = name + ":" + gateway.String()
	}
	return out, nil
}

func resolvConf(c *Container, att *netutil.Attachment) ([]byte, error) {
	host, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	hc := c.HostConfig
	if hc.NetworkMode.IsHost() && len(hc.DNS)+len(hc.DNSSearch)+len(hc.DNSOptions) == 0 {
		return host, nil
	}
	if len(att.Names) > 0 { // it asks the servers of --dns by itself
		return netutil.ResolvConfNames(host, att.Names, hc.DNSSearch, hc.DNSOptions)
	}
	dns := hc.DNS
	if len(dns) == 0 {
		dns = att.DNS
	}
	return netutil.ResolvConf(host, dns, hc.DNSSearch, hc.DNSOptions)
}
