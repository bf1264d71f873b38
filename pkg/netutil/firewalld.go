package netutil

import (
	"bytes"
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// firewalld, with its nftables backend, refuses in a chain of its own what comes
// from an interface that none of its zones accepts. What nerd's rules accept does
// not help there, so nerd's bridges are put into the zone that accepts everything;
// who reaches whom is up to nerd's rules. A zone that an administrator has chosen
// for the bridge is left alone. What firewalld is told is lost when it is reloaded,
// so whether it knows the bridge is looked for with the rules.
const (
	firewalldTable = "firewalld"
	firewalldChain = "filter_INPUT_ZONES" // it mentions every interface of a zone
	firewalldZone  = "trusted"
)

// refused tells whether firewalld's rules are in force and know nothing of a bridge.
func refused(bridge string) (bool, error) {
	rules, err := nftRulesOf(unix.NFPROTO_INET, firewalldTable, firewalldChain)
	return len(rules) > 0 && !mentions(rules, bridge), err
}

// mentions tells whether one of the rules names an interface or a chain.
func mentions(rules [][]byte, name string) bool {
	for _, m := range rules {
		if bytes.Contains(m, append([]byte(name), 0)) {
			return true
		}
	}
	return false
}

// trust has firewalld accept what comes from the bridge.
func trust(ctx context.Context, bridge string) error {
	if no, err := refused(bridge); !no || err != nil {
		return err
	}
	if _, err := tool(ctx, "", "firewall-cmd", "--zone="+firewalldZone, "--change-interface="+bridge); err != nil {
		return errs.WithHint(fmt.Errorf("firewalld refuses what comes from %s, and cannot be told otherwise: %w", bridge, err),
			"run firewall-cmd --zone=%s --change-interface=%s", firewalldZone, bridge)
	}
	return nil
}

// forget has firewalld forget a bridge that is no more. It does not matter when it
// cannot: a name of an interface that does not exist lets nothing through.
func forget(ctx context.Context, bridge string) {
	rules, err := nftRulesOf(unix.NFPROTO_INET, firewalldTable, firewalldChain)
	if err != nil || !mentions(rules, bridge) {
		return
	}
	_, _ = tool(ctx, "", "firewall-cmd", "--zone="+firewalldZone, "--remove-interface="+bridge)
}

// Warnings say, a line each, what stands in the way of the networks that are in use
// on this host: a firewall that is missing, was flushed or refuses them, forwarding
// that was switched off, conflists that cannot be read.
func (s *Service) Warnings(ctx context.Context) []string {
	var lines []string
	if _, err := s.host.firewall(ctx); err != nil {
		return []string{err.Error()}
	}
	list, broken, err := s.all(ctx)
	for _, b := range broken {
		lines = append(lines, b.Error())
	}
	if err != nil {
		return append(lines, err.Error())
	}
	for i := range list {
		n := &list[i]
		if n.Firewall == "" {
			continue
		}
		// Without its bridge nobody is on it, and the first who joins sees to all.
		if up, err := s.host.hasLink(n.Bridge); !up || err != nil {
			continue
		}
		switch ok, err := s.host.ready(ctx, n, s.rules(n.Firewall)); {
		case err != nil && !errdefs.IsNotFound(err):
			lines = append(lines, fmt.Sprintf("network %s: %v", n.Name, err))
		case !ok:
			lines = append(lines, fmt.Sprintf("network %s: %s: nerd system repair, or the next container that joins it, mends that", n.Name, s.host.lacks(ctx, n, s.rules(n.Firewall))))
		}
	}
	return lines
}

// lacks says what a network that is not ready lacks.
func (kernel) lacks(ctx context.Context, n *Network, rs ruleSet) string {
	for _, sub := range n.Subnets {
		if on, err := forwarding(sub.Subnet); err == nil && !on && !n.Internal {
			return "forwarding is switched off (" + forwardingFile(sub.Subnet) + ")"
		}
	}
	if there, err := rs.present(ctx, n); err == nil && !there {
		return "its firewall rules are gone"
	}
	if no, err := refused(n.Bridge); err == nil && no {
		return "firewalld refuses what comes from " + n.Bridge
	}
	return "the bridge " + n.Bridge + " is down"
}
