package netutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/libcni"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

const conflistSuffix = ".conflist"

// cachedNetwork is a parsed conflist and what tells whether the file is still
// the one that was parsed.
type cachedNetwork struct {
	mod  time.Time
	size int64
	net  *Network
}

// Networks lists every network by name: the conflists in Layout.Networks(), and
// host and none, which need none.
func (s *Service) Networks(ctx context.Context) ([]Network, error) {
	names, err := namesIn(s.cfg.Layout.Networks(), conflistSuffix)
	if err != nil {
		return nil, fmt.Errorf("listing networks: %w", err)
	}
	list := []Network{hostNetwork(), noneNetwork()}
	for _, name := range names {
		n, err := s.fromFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Network) int { return cmpString(a.Name, b.Name) })
	return list, ctx.Err()
}

// Network is the network of that name. The default network need not exist yet:
// it is made when the first container joins it, see EnsureDefault.
func (s *Service) Network(ctx context.Context, name string) (*Network, error) {
	switch name {
	case NetworkHost:
		n := hostNetwork()
		return &n, nil
	case NetworkNone:
		n := noneNetwork()
		return &n, nil
	case NetworkBridge, NetworkDefault:
		return s.EnsureDefault(ctx)
	}
	if err := checkID(name); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, errdefs.ErrInvalidArgument)
	}
	n, err := s.fromFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("network %s not found: %w", name, errdefs.ErrNotFound)
	}
	return n, err
}

// EnsureDefault is the default network, which it makes if it is not there. The
// subnet is chosen once, when it overlaps nothing on the host, and kept.
func (s *Service) EnsureDefault(ctx context.Context) (n *Network, err error) {
	if n, err = s.fromFile(NetworkBridge); !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	l, err := s.networksLock(ctx)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	if n, err = s.fromFile(NetworkBridge); !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if n, err = s.newDefault(ctx); err != nil {
		return nil, fmt.Errorf("making the default network: %w", err)
	}
	return n, nil
}

func (s *Service) newDefault(ctx context.Context) (*Network, error) {
	backend, err := s.host.firewall(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := s.host.taken(s.defaultBridge())
	if err != nil {
		return nil, err
	}
	existing, err := s.Networks(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range existing {
		for _, sub := range n.Subnets {
			taken = append(taken, sub.Subnet)
		}
	}
	candidates := s.cfg.Subnets
	if len(candidates) == 0 {
		candidates = defaultPools()
	}
	subnet, ok := freeSubnet(candidates, taken)
	if !ok {
		return nil, errs.WithHint(fmt.Errorf("every private subnet that could be used overlaps a route of this host: %w", errdefs.ErrResourceExhausted),
			"remove unused networks or routes")
	}
	n := &Network{
		Name: NetworkBridge, CNIName: s.cniName(NetworkBridge), Driver: "bridge", Created: time.Now().UTC(), Bridge: s.defaultBridge(), Firewall: backend,
		Subnets: []Subnet{{Subnet: subnet, Gateway: subnet.Addr().Next()}},
	}
	data, err := s.bridgeConflist(n)
	if err != nil {
		return nil, err
	}
	if err := state.WriteFile(s.conflistPath(n.Name), data, 0o644); err != nil {
		return nil, err
	}
	return s.fromFile(n.Name)
}

func (s *Service) conflistPath(name string) string {
	return filepath.Join(s.cfg.Layout.Networks(), name+conflistSuffix)
}

// networksLock serialises changes of networks and of their rules on the host.
func (s *Service) networksLock(ctx context.Context) (*state.Lock, error) {
	return state.AcquireLock(ctx, filepath.Join(s.cfg.Layout.Run, "networks.lock"))
}

// fromFile reads a conflist, or returns what it read before if the file has not
// changed. The caller must not modify the result.
func (s *Service) fromFile(name string) (*Network, error) {
	path := s.conflistPath(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	cached, ok := s.cache[name]
	s.mu.Unlock()
	if ok && cached.mod.Equal(info.ModTime()) && cached.size == info.Size() {
		return cached.net, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n, err := parseNetwork(name, data)
	if err != nil {
		return nil, errs.WithHint(fmt.Errorf("reading network %s from %s: %w", name, path, err), "mend or remove the file")
	}
	s.mu.Lock()
	s.cache[name] = cachedNetwork{info.ModTime(), info.Size(), n}
	s.mu.Unlock()
	return n, nil
}

// meta is what nerd keeps in a conflist under its own key. Plugins ignore it.
type meta struct {
	Name     string            `json:"name"`
	Driver   string            `json:"driver"`
	Created  time.Time         `json:"created,omitzero"`
	Firewall string            `json:"firewall,omitempty"`
	Subnets  []Subnet          `json:"subnets,omitempty"`
	Bridge   string            `json:"bridge,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// parseNetwork understands nerd's own conflists and any other one, of which it
// knows what the first plugin tells.
func parseNetwork(name string, data []byte) (*Network, error) {
	var doc struct {
		Name    string `json:"name"`
		Nerd    *meta  `json:"nerd"`
		Plugins []struct {
			Type   string `json:"type"`
			Bridge string `json:"bridge"`
		} `json:"plugins"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Plugins) == 0 {
		return nil, errors.New("it names no plugin")
	}
	n := &Network{Name: name, ID: hash("network", name), CNIName: doc.Name, Conflist: data}
	if m := doc.Nerd; m != nil {
		n.Driver, n.Created, n.Firewall, n.Subnets, n.Bridge, n.Labels = m.Driver, m.Created, m.Firewall, m.Subnets, m.Bridge, m.Labels
		return n, nil
	}
	n.Driver, n.Bridge = doc.Plugins[0].Type, doc.Plugins[0].Bridge
	return n, nil
}

// bridgeConflist is the leanest chain that does Docker's bridge: one plugin for
// device, namespace and addresses. Masquerading and forwarding are rules of the
// network, not of each container, see ruleSet.
func (s *Service) bridgeConflist(n *Network) ([]byte, error) {
	type ipRange struct {
		Subnet  string `json:"subnet"`
		Gateway string `json:"gateway"`
	}
	var ranges [][]ipRange
	var routes []map[string]string
	for _, sub := range n.Subnets {
		ranges = append(ranges, []ipRange{{sub.Subnet.String(), sub.Gateway.String()}})
		dst := "0.0.0.0/0"
		if sub.Subnet.Addr().Is6() {
			dst = "::/0"
		}
		routes = append(routes, map[string]string{"dst": dst})
	}
	return json.MarshalIndent(map[string]any{
		"cniVersion": "1.0.0",
		"name":       n.CNIName,
		"nerd": meta{
			Name: n.Name, Driver: n.Driver, Created: n.Created, Firewall: n.Firewall,
			Subnets: n.Subnets, Bridge: n.Bridge, Labels: n.Labels,
		},
		"plugins": []any{map[string]any{
			"type":         "bridge",
			"bridge":       n.Bridge,
			"isGateway":    true,
			"hairpinMode":  true, // a container reaches itself through its published port
			"capabilities": map[string]bool{"mac": true, "ips": true},
			"ipam": map[string]any{
				"type": "host-local", "dataDir": s.cfg.Layout.IPAM(), "ranges": ranges, "routes": routes,
			},
		}},
	}, "", "  ")
}

// chain is the conflist to run, with portmap at its end if ports are published:
// who publishes none does not pay for it.
func (n *Network) chain(ports bool) (*libcni.NetworkConfigList, error) {
	data := []byte(n.Conflist)
	if ports {
		var doc map[string]json.RawMessage
		var plugins []json.RawMessage
		if err := json.Unmarshal(data, &doc); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(doc["plugins"], &plugins); err != nil {
			return nil, err
		}
		portmap, err := json.Marshal(map[string]any{
			"type": "portmap", "backend": n.Firewall, "snat": true,
			"capabilities": map[string]bool{"portMappings": true},
		})
		if err != nil {
			return nil, err
		}
		if doc["plugins"], err = json.Marshal(append(plugins, portmap)); err != nil {
			return nil, err
		}
		if data, err = json.Marshal(doc); err != nil {
			return nil, err
		}
	}
	return libcni.ConfListFromBytes(data)
}

func hostNetwork() Network {
	return Network{Name: NetworkHost, ID: hash("network", NetworkHost), Driver: "host"}
}

func noneNetwork() Network {
	return Network{Name: NetworkNone, ID: hash("network", NetworkNone), Driver: "null"}
}
