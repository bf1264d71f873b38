package netutil

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/nerd-cli/nerd/pkg/resolver"
)

// resolvers sees to it that every network of the container that has names has its
// resolver, and returns where the container reaches them: that of the network with
// the default route first, because each of them answers for all networks of who
// asks. One that cannot be started is left out, so that the container can at least
// resolve what the host can.
func (s *Service) resolvers(_ context.Context, rec *record) []netip.Addr {
	if s.cfg.Resolver == "" {
		return nil
	}
	order := slices.Clone(rec.Joined)
	slices.SortStableFunc(order, func(a, b joined) int {
		if a.Network.Internal != b.Network.Internal {
			if a.Network.Internal {
				return 1
			}
			return -1
		}
		return before(a.Endpoint, a.Network.Name, b.Endpoint, b.Network.Name)
	})
	var v4, v6 []netip.Addr
	for _, j := range order {
		n := j.Network
		if !n.Names || resolver.Ensure(s.resolverConfig(&n)) != nil {
			continue
		}
		for _, sub := range n.Subnets {
			if sub.Gateway.Is4() {
				v4 = append(v4, sub.Gateway)
			} else {
				v6 = append(v6, sub.Gateway)
			}
		}
	}
	return append(v4, v6...)
}

func (s *Service) resolverConfig(n *Network) resolver.Config {
	cfg := resolver.Config{
		Program: s.cfg.Resolver, Network: n.Name, Records: filepath.Dir(s.cfg.Layout.NetRecord("x")),
		Lock: filepath.Join(s.cfg.Layout.Run, "resolver", n.Name+".lock"),
	}
	for _, sub := range n.Subnets {
		cfg.Addrs = append(cfg.Addrs, sub.Gateway)
	}
	return cfg
}
