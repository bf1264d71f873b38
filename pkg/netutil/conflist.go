package netutil

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/containernetworking/cni/libcni"
)

// meta is what nerd keeps in a conflist under its own key. Plugins ignore it.
type meta struct {
	Name       string            `json:"name"`
	ID         string            `json:"id,omitempty"`
	Driver     string            `json:"driver"`
	Created    time.Time         `json:"created,omitzero"`
	Firewall   string            `json:"firewall,omitempty"`
	Subnets    []Subnet          `json:"subnets,omitempty"`
	UserPools  bool              `json:"userPools,omitempty"`
	IPAM       string            `json:"ipam,omitempty"`
	Internal   bool              `json:"internal,omitempty"`
	Attachable bool              `json:"attachable,omitempty"`
	Names      bool              `json:"names,omitempty"`
	Bridge     string            `json:"bridge,omitempty"`
	KeepBridge bool              `json:"keepBridge,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Options    map[string]string `json:"options,omitempty"`
	IPAMOpts   map[string]string `json:"ipamOptions,omitempty"`
}

func metaOf(n *Network) meta {
	return meta{
		Name: n.Name, ID: n.ID, Driver: n.Driver, Created: n.Created, Firewall: n.Firewall, Subnets: n.Subnets,
		UserPools: n.UserPools, IPAM: n.IPAM, Internal: n.Internal, Attachable: n.Attachable, Names: n.Names,
		Bridge: n.Bridge, KeepBridge: n.KeepBridge, Labels: n.Labels, Options: n.Options, IPAMOpts: n.IPAMOpts,
	}
}

// parseNetwork understands nerd's own conflists and any other one, of which it
// knows what the first plugin tells.
func parseNetwork(name string, data []byte) (*Network, error) {
	var doc struct {
		Name    string `json:"name"`
		Nerd    *meta  `json:"nerd"`
		Plugins []struct {
			Type   string          `json:"type"`
			Bridge string          `json:"bridge"`
			IPAM   json.RawMessage `json:"ipam"`
		} `json:"plugins"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Plugins) == 0 {
		return nil, errors.New("it names no plugin")
	}
	if doc.Name == "" {
		return nil, errors.New("it has no name")
	}
	n := &Network{Name: name, ID: hash("network", name), CNIName: doc.Name, Conflist: data}
	if m := doc.Nerd; m != nil {
		n.Driver, n.Created, n.Firewall, n.Subnets, n.Bridge, n.Labels = m.Driver, m.Created, m.Firewall, m.Subnets, m.Bridge, m.Labels
		n.UserPools, n.IPAM, n.Internal, n.Attachable, n.Names = m.UserPools, m.IPAM, m.Internal, m.Attachable, m.Names
		n.KeepBridge, n.Options, n.IPAMOpts = m.KeepBridge, m.Options, m.IPAMOpts
		if m.ID != "" {
			n.ID = m.ID
		}
		return n, nil
	}
	n.Driver, n.Bridge, n.Subnets, n.UserPools = doc.Plugins[0].Type, doc.Plugins[0].Bridge, foreignSubnets(doc.Plugins[0].IPAM), true
	return n, nil
}

// foreignSubnets are the ranges of host-local in a conflist that nerd did not
// write, in its long form and its short one. What is not understood is none.
func foreignSubnets(ipam json.RawMessage) []Subnet {
	type ipRange struct {
		Subnet  string `json:"subnet"`
		Gateway string `json:"gateway"`
	}
	var conf struct {
		ipRange
		Ranges [][]ipRange `json:"ranges"`
	}
	if len(ipam) == 0 || json.Unmarshal(ipam, &conf) != nil {
		return nil
	}
	var subnets []Subnet
	for _, r := range append(slices.Concat(conf.Ranges...), conf.ipRange) {
		p, err := netip.ParsePrefix(r.Subnet)
		if err != nil {
			continue
		}
		gw, err := netip.ParseAddr(r.Gateway)
		if err != nil {
			gw = p.Masked().Addr().Next() // as host-local has it
		}
		subnets = append(subnets, Subnet{Subnet: p.Masked(), Gateway: gw})
	}
	return subnets
}

// conflist is the leanest chain that does what the network is for: one plugin for
// device, namespace and addresses. Masquerading and forwarding are rules of the
// network, not of each container, see ruleSet.
func (s *Service) conflist(n *Network) ([]byte, error) {
	plugin := s.devicePlugin(n)
	plugin["capabilities"] = map[string]bool{"mac": true, "ips": true}
	plugin["ipam"] = s.ipamConf(n)
	if mtu := n.mtu(); mtu > 0 {
		plugin["mtu"] = mtu
	}
	return json.MarshalIndent(map[string]any{
		"cniVersion": "1.0.0", "name": n.CNIName, "nerd": metaOf(n), "plugins": []any{plugin},
	}, "", "  ")
}

// devicePlugin is the part of the conflist that makes the interface.
func (s *Service) devicePlugin(n *Network) map[string]any {
	switch n.Driver {
	case driverMacvlan:
		return map[string]any{"type": "macvlan", "master": n.parent(), "mode": n.Options[optMacvlanMode]}
	case driverIPvlan:
		return map[string]any{"type": "ipvlan", "master": n.parent(), "mode": n.Options[optIPvlanMode]}
	case driverPTP:
		return map[string]any{"type": "ptp", "ipMasq": !n.Internal && n.masquerade()}
	case driverHostDevice:
		return map[string]any{"type": "host-device", "device": n.Options[optDevice]}
	}
	return map[string]any{
		"type": "bridge", "bridge": n.Bridge, "isGateway": true,
		"hairpinMode":   !n.isolated(), // a container reaches itself through its published port
		"portIsolation": n.isolated(),
	}
}

type ipRange struct {
	Subnet     string `json:"subnet"`
	RangeStart string `json:"rangeStart,omitempty"`
	RangeEnd   string `json:"rangeEnd,omitempty"`
	Gateway    string `json:"gateway,omitempty"`
}

// ipamConf is the part of the conflist that gives addresses out.
func (s *Service) ipamConf(n *Network) map[string]any {
	switch n.IPAM {
	case ipamDHCP:
		return map[string]any{"type": "dhcp", "daemonSocketPath": s.dhcpSocket()}
	case ipamStatic:
		return map[string]any{"type": "static", "routes": n.defaultRoutes()}
	}
	ranges := [][]ipRange{}
	for _, sub := range n.Subnets {
		ranges = append(ranges, sub.ranges())
	}
	return map[string]any{"type": "host-local", "dataDir": s.cfg.Layout.IPAM(), "ranges": ranges, "routes": n.defaultRoutes()}
}

// defaultRoutes are none on a network without a way out.
func (n *Network) defaultRoutes() []map[string]string {
	routes := []map[string]string{}
	if n.Internal {
		return routes
	}
	for _, sub := range n.Subnets {
		dst := "0.0.0.0/0"
		if sub.Subnet.Addr().Is6() {
			dst = "::/0"
		}
		if !slices.ContainsFunc(routes, func(r map[string]string) bool { return r["dst"] == dst }) {
			routes = append(routes, map[string]string{"dst": dst})
		}
	}
	return routes
}

// ranges is what host-local gives addresses out from: the part of the subnet that
// is meant, cut in pieces around the auxiliary addresses.
func (s Subnet) ranges() []ipRange {
	gw := ""
	if s.Gateway.IsValid() {
		gw = s.Gateway.String()
	}
	if !s.Range.IsValid() && len(s.Aux) == 0 {
		return []ipRange{{Subnet: s.Subnet.String(), Gateway: gw}}
	}
	first, last := s.bounds()
	holes := make([]netip.Addr, 0, len(s.Aux))
	for _, a := range s.Aux {
		holes = append(holes, a)
	}
	slices.SortFunc(holes, netip.Addr.Compare)
	var out []ipRange
	add := func(from, to netip.Addr) {
		if from.IsValid() && to.IsValid() && from.Compare(to) <= 0 {
			out = append(out, ipRange{Subnet: s.Subnet.String(), RangeStart: from.String(), RangeEnd: to.String(), Gateway: gw})
		}
	}
	for _, hole := range holes {
		if hole.Compare(first) < 0 || hole.Compare(last) > 0 {
			continue
		}
		add(first, hole.Prev())
		first = hole.Next()
	}
	add(first, last)
	return out
}

// bounds are the first and the last address to give out: not the subnet's own
// address, and of IPv4 not the one for broadcasts.
func (s Subnet) bounds() (first, last netip.Addr) {
	in := s.Range
	if !in.IsValid() {
		in = s.Subnet
	}
	first, last = in.Masked().Addr(), lastAddr(in)
	if first == s.Subnet.Masked().Addr() {
		first = first.Next()
	}
	if last.Is4() && last == lastAddr(s.Subnet) {
		last = last.Prev()
	}
	return first, last
}

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// chainOptions say how a conflist is run for one endpoint.
type chainOptions struct {
	ports    bool // portmap at its end: who publishes none does not pay for it
	noRoutes bool // another network has the default route
	any4     bool // an IPv4 address was asked for: it may lie outside the range that free ones come from
	any6     bool // the same of IPv6
}

// chain is the conflist to run.
func (n *Network) chain(o chainOptions) (*libcni.NetworkConfigList, error) {
	data := []byte(n.Conflist)
	if o == (chainOptions{}) {
		return libcni.ConfListFromBytes(data)
	}
	var doc map[string]json.RawMessage
	var plugins []json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(doc["plugins"], &plugins); err != nil {
		return nil, err
	}
	var err error
	if o.noRoutes || o.any4 || o.any6 {
		if plugins[0], err = n.adaptIPAM(plugins[0], o); err != nil {
			return nil, err
		}
	}
	if o.ports {
		portmap, err := json.Marshal(map[string]any{
			"type": "portmap", "backend": n.Firewall, "snat": true,
			"capabilities": map[string]bool{"portMappings": true},
		})
		if err != nil {
			return nil, err
		}
		plugins = append(plugins, portmap)
	}
	if doc["plugins"], err = json.Marshal(plugins); err != nil {
		return nil, err
	}
	if data, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	return libcni.ConfListFromBytes(data)
}

// adaptIPAM takes the default routes or the bounds out of a plugin's addresses. A
// conflist of someone else keeps what it has: its routes are mended afterwards.
func (n *Network) adaptIPAM(plugin json.RawMessage, o chainOptions) (json.RawMessage, error) {
	var conf, ipam map[string]any
	if err := json.Unmarshal(plugin, &conf); err != nil {
		return nil, err
	}
	ipam, ok := conf["ipam"].(map[string]any)
	if !ok || n.foreign() {
		return plugin, nil
	}
	if o.noRoutes {
		ipam["routes"] = []any{}
	}
	if _, ranged := ipam["ranges"]; ranged && (o.any4 || o.any6) {
		ranges := [][]ipRange{}
		for _, sub := range n.Subnets {
			if v4 := sub.Subnet.Addr().Is4(); v4 && o.any4 || !v4 && o.any6 {
				sub.Range, sub.Aux = netip.Prefix{}, nil
			}
			ranges = append(ranges, sub.ranges())
		}
		ipam["ranges"] = ranges
	}
	return json.Marshal(conf)
}

// foreign tells a conflist that nerd did not write.
func (n *Network) foreign() bool { return n.Conflist != nil && n.Created.IsZero() }
