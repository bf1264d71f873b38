package container

import (
	"errors"
	"fmt"
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
func (s *Service) writeNetworkFiles(c *Container, att *netutil.Attachment) error {
	if c.HostConfig.NetworkMode.IsContainer() {
		return nil // the other container's are mounted
	}
	dir := s.cfg.Layout.Container(c.ID)
	var addrs []netip.Addr
	var gateway netip.Addr
	for _, e := range att.Networks {
		for _, a := range []netip.Addr{e.IPAddress, e.GlobalIPv6Address} {
			if a.IsValid() {
				addrs = append(addrs, a)
			}
		}
		if e.Gateway.IsValid() {
			gateway = e.Gateway
		}
	}
	hosts, err := netutil.Hosts(c.Config.Hostname, c.Config.Domainname, addrs, hostGateway(c.HostConfig.ExtraHosts, gateway))
	if err != nil {
		return err
	}
	if c.HostConfig.NetworkMode.IsHost() {
		if own, err := os.ReadFile("/etc/hosts"); err == nil {
			hosts = own
		}
	}
	if err := os.WriteFile(filepath.Join(dir, hostsFile), hosts, 0o644); err != nil {
		return err
	}
	resolv, err := resolvConf(c, att)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, resolvFile), resolv, 0o644)
}

// writeForwards tells the monitor where connections lead that reach a published
// port by IPv6.
func (s *Service) writeForwards(c *Container, att *netutil.Attachment, ports []netutil.PublishedPort) error {
	var table strings.Builder
	for _, e := range att.Networks {
		for _, p := range ports {
			if p.Protocol == network.TCP && e.IPAddress.Is4() {
				fmt.Fprintf(&table, "%d %s %d\n", p.HostPort, e.IPAddress, p.ContainerPort)
			}
		}
		if table.Len() > 0 {
			break
		}
	}
	if table.Len() == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), monitor.ForwardName), []byte(table.String()), 0o600)
}

// hostGateway replaces the word host-gateway of --add-host by the host's address
// in the container's network.
func hostGateway(extra []string, gateway netip.Addr) []string {
	out := slices.Clone(extra)
	for i, e := range out {
		if name, ok := strings.CutSuffix(e, ":host-gateway"); ok && gateway.IsValid() {
			out[i] = name + ":" + gateway.String()
		}
	}
	return out
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
	dns := hc.DNS
	if len(dns) == 0 {
		dns = att.DNS
	}
	return netutil.ResolvConf(host, dns, hc.DNSSearch, hc.DNSOptions)
}
