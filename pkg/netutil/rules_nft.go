package netutil

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nftRules keeps the rules in a table of nerd's own, for hosts without iptables.
type nftRules struct{ table string }

func (r nftRules) present(_ context.Context, n *Network) (bool, error) {
	for _, chain := range []string{"forward", "input", "postrouting"} {
		if chain == "postrouting" && !n.masquerade() {
			continue // nothing but what every network has, if there is one
		}
		there, err := nftRulePresent(unix.NFPROTO_INET, r.table, chain, n.Bridge)
		if !there || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (r nftRules) install(ctx context.Context, all []*Network, _ *Network) error {
	if _, err := tool(ctx, r.script(all), "nft", "-f", "-"); err != nil {
		return fmt.Errorf("setting firewall rules: %w", err)
	}
	return nil
}

// script replaces the table in one transaction. Adding it first makes deleting
// it succeed on a host that has none yet.
func (r nftRules) script(all []*Network) string {
	if len(all) == 0 {
		return fmt.Sprintf("add table inet %[1]s\ndelete table inet %[1]s\n", r.table)
	}
	var top, in, out, input, nat strings.Builder
	for _, n := range all {
		b := n.Bridge
		if n.Internal {
			fmt.Fprintf(&top, "    iifname %q oifname != %q drop\n    iifname != %q oifname %q drop\n", b, b, b, b)
		}
		if n.isolated() {
			fmt.Fprintf(&top, "    iifname %q oifname %q ct state new ct status ! dnat drop\n", b, b)
		}
		fmt.Fprintf(&in, "    oifname %q ct state established,related accept\n    oifname %q ct status dnat accept\n", b, b)
		fmt.Fprintf(&in, "    iifname != %q oifname %q drop\n", b, b)
		fmt.Fprintf(&out, "    iifname %q accept\n", b)
		fmt.Fprintf(&input, "    iifname %q ct state established,related accept\n    iifname %q ct status dnat accept\n", b, b)
		fmt.Fprintf(&input, "    iifname %q ip daddr 127.0.0.0/8 drop\n    iifname %q ip6 daddr ::1 drop\n", b, b)
		// A neighbour that comes through a published port has to get its answer
		// the same way back, not straight over the bridge.
		fmt.Fprintf(&nat, "    iifname %q oifname %q ct status dnat masquerade\n", b, b)
		for _, s := range n.Subnets {
			kind := "ip"
			if s.Subnet.Addr().Is6() {
				kind = "ip6"
			}
			if n.masquerade() {
				fmt.Fprintf(&nat, "    %s saddr %s oifname != %q masquerade\n", kind, s.Subnet, b)
			}
			if n.Names {
				fmt.Fprintf(&input, "    iifname %q %s daddr %s meta l4proto { tcp, udp } th dport 53 accept\n", b, kind, s.Gateway)
			}
		}
	}
	return fmt.Sprintf(`add table inet %[1]s
delete table inet %[1]s
table inet %[1]s {
  chain forward {
    type filter hook forward priority filter; policy accept;
%[6]s%[2]s%[3]s  }
  chain input {
    type filter hook input priority filter; policy accept;
%[4]s  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
%[5]s  }
  chain output {
    type nat hook output priority -110; policy accept;
    ip6 daddr ::1 dnat ip6 to ::1
  }
}
`, r.table, in.String(), out.String(), input.String(), nat.String(), top.String())
}

// family is the nf_tables family of an iptables command.
func family(cmd string) uint8 {
	if cmd == "ip6tables" {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}

// nftRulePresent asks the kernel whether a rule of the chain mentions needle: a
// chain that it jumps to or an interface. It takes some tens of microseconds,
// where the nft program takes milliseconds.
func nftRulePresent(family uint8, table, chain, needle string) (bool, error) {
	rules, err := nftRulesOf(family, table, chain)
	return mentions(rules, needle), err
}

// nftRulesOf are the rules of a chain as the kernel has them. A missing table or
// chain has none.
func nftRulesOf(family uint8, table, chain string) ([][]byte, error) {
	msgs, err := whole(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: family})
		req.AddData(nl.NewRtAttr(unix.NFTA_RULE_TABLE, nl.ZeroTerminated(table)))
		req.AddData(nl.NewRtAttr(unix.NFTA_RULE_CHAIN, nl.ZeroTerminated(chain)))
		return req.Execute(unix.NETLINK_NETFILTER, 0)
	})
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPROTONOSUPPORT):
		return nil, nil // no such table, or no nf_tables in this kernel
	case err != nil:
		return nil, fmt.Errorf("asking the kernel for firewall rules: %w", err)
	}
	return msgs, nil
}
