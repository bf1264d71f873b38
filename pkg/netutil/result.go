package netutil

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/moby/moby/api/types/network"
)

// attachment is Docker's view of a record whose ADDs are complete.
func (r *record) attachment() (*Attachment, error) {
	a := &Attachment{Networks: map[string]*network.EndpointSettings{}}
	for _, j := range r.Joined {
		var res current.Result
		if err := json.Unmarshal(j.Result, &res); err != nil {
			return nil, fmt.Errorf("the network record of container %s: %w", r.ID, err)
		}
		es := settings(r.ID, &j, &res)
		if a.Networks[j.Network.Name] = es; j.publishes() {
			a.PortsTo = es.IPAddress
		}
		for _, ns := range res.DNS.Nameservers {
			if addr, err := netip.ParseAddr(ns); err == nil && !slices.Contains(a.DNS, addr) {
				a.DNS = append(a.DNS, addr)
			}
		}
	}
	routes, err := r.defaultRoutes()
	if err == nil && len(routes) > 0 {
		a.Gateway = routes[0].via
	}
	return a, err
}

// settings are the operational fields of an endpoint. The ones a user asked for
// (aliases, fixed addresses) are the caller's to add.
func settings(id string, j *joined, res *current.Result) *network.EndpointSettings {
	es := &network.EndpointSettings{
		NetworkID:  j.Network.ID,
		GwPriority: j.Endpoint.GwPriority,
		EndpointID: hash("endpoint", j.Network.ID, id, j.IfName),
	}
	for _, i := range res.Interfaces {
		if i.Name == j.IfName && i.Sandbox != "" {
			if mac, err := net.ParseMAC(i.Mac); err == nil {
				es.MacAddress = network.HardwareAddr(mac)
			}
		}
	}
	for _, ip := range res.IPs {
		p, ok := prefixOf(&ip.Address)
		if !ok {
			continue
		}
		gw, _ := netip.AddrFromSlice(ip.Gateway) // none gives the zero address
		switch {
		case p.Addr().Is4() && !es.IPAddress.IsValid():
			es.IPAddress, es.IPPrefixLen, es.Gateway = p.Addr(), p.Bits(), j.gateway(gw)
		case p.Addr().Is6() && !es.GlobalIPv6Address.IsValid():
			es.GlobalIPv6Address, es.GlobalIPv6PrefixLen, es.IPv6Gateway = p.Addr(), p.Bits(), j.gateway(gw)
		}
	}
	return es
}

// gateway is none on an internal network: what is there is the resolver, not a way
// out.
func (j *joined) gateway(gw netip.Addr) netip.Addr {
	if j.Network.Internal {
		return netip.Addr{}
	}
	return gw.Unmap()
}
