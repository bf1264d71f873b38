package netutil

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// iptablesRules keeps the rules in chains of nerd's own, with one jump to each
// from the chain of the kernel.
type iptablesRules struct{ prefix string }

// hook is a chain of nerd's and where it is jumped to from.
type hook struct{ table, from, suffix string }

// hooks are those of an address family. In IPv6 what goes to the host's loopback is
// kept from portmap: it would be led to a container, where an answer to ::1 never
// comes back from. The monitor answers there, see Attachment.PortsTo.
func (r iptablesRules) hooks(cmd string) []hook {
	list := []hook{{"filter", "FORWARD", "FORWARD"}, {"filter", "INPUT", "INPUT"}, {"nat", "POSTROUTING", "POSTROUTING"}}
	if cmd == "ip6tables" {
		list = append(list, hook{"nat", "OUTPUT", "OUTPUT"})
	}
	return list
}

func (r iptablesRules) chain(h hook) string { return r.prefix + "-" + h.suffix }

// families are the commands for the kinds of addresses that networks have.
func families(all ...*Network) []string {
	var cmds []string
	var v4, v6 bool
	for _, n := range all {
		for _, s := range n.Subnets {
			v4, v6 = v4 || s.Subnet.Addr().Is4(), v6 || s.Subnet.Addr().Is6()
		}
	}
	if v4 {
		cmds = append(cmds, "iptables")
	}
	if v6 {
		cmds = append(cmds, "ip6tables")
	}
	return cmds
}

// present asks the kernel's nf_tables, where iptables keeps its rules unless it
// is the legacy variant; that one has to be asked by its program.
func (r iptablesRules) present(ctx context.Context, n *Network) (bool, error) {
	for _, cmd := range families(n) {
		there, err := r.presentNft(cmd, n)
		if err != nil {
			return false, err
		}
		if !there {
			there, err = r.presentLegacy(ctx, cmd, n)
		}
		if !there || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (r iptablesRules) presentNft(cmd string, n *Network) (bool, error) {
	for _, h := range r.hooks(cmd) {
		for _, want := range r.evidence(h, n) {
			there, err := nftRulePresent(family(cmd), h.table, want.chain, want.needle)
			if !there || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// evidence is what a chain mentions if the network's rules are in it. Without
// masquerading a network has nothing in the chain for it.
func (r iptablesRules) evidence(h hook, n *Network) []struct{ chain, needle string } {
	list := []struct{ chain, needle string }{{h.from, r.chain(h)}}
	if h.table == "filter" || h.from == "POSTROUTING" && n.masquerade() {
		list = append(list, struct{ chain, needle string }{r.chain(h), n.Bridge})
	}
	return list
}

func (r iptablesRules) presentLegacy(ctx context.Context, cmd string, n *Network) (bool, error) {
	version, err := tool(ctx, "", cmd, "--version")
	if err != nil || strings.Contains(string(version), "nf_tables") {
		return false, err
	}
	for _, h := range r.hooks(cmd) {
		jumps, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-S", h.from)
		if err != nil {
			return false, err
		}
		if !strings.Contains(string(jumps), "-j "+r.chain(h)+"\n") {
			return false, nil
		}
		rules, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-S", r.chain(h))
		if err != nil {
			return false, err
		}
		if !strings.Contains(string(rules), " "+n.Bridge+" ") && len(r.evidence(h, n)) > 1 {
			return false, nil
		}
	}
	return true, nil
}

func (r iptablesRules) install(ctx context.Context, all []*Network, named *Network) error {
	needed := families(all...)
	for _, cmd := range needed {
		if _, err := tool(ctx, r.script(cmd, all), cmd+"-restore", "--noflush", "-w"); err != nil {
			return fmt.Errorf("setting firewall rules: %w", err)
		}
		if err := r.jump(ctx, cmd); err != nil {
			return fmt.Errorf("setting firewall rules: %w", err)
		}
	}
	for _, cmd := range families(named) {
		if slices.Contains(needed, cmd) {
			continue
		}
		if err := r.uninstall(ctx, cmd); err != nil {
			return fmt.Errorf("removing firewall rules: %w", err)
		}
	}
	return nil
}

// jump leads from the kernel's chains to nerd's.
func (r iptablesRules) jump(ctx context.Context, cmd string) error {
	for _, h := range r.hooks(cmd) {
		_, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-C", h.from, "-j", r.chain(h))
		if err == nil {
			continue
		}
		if !notFound(err) {
			return err
		}
		if _, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-I", h.from, "1", "-j", r.chain(h)); err != nil {
			return err
		}
	}
	return nil
}

// uninstall takes the chains away with the last network of an address family.
func (r iptablesRules) uninstall(ctx context.Context, cmd string) error {
	for _, h := range r.hooks(cmd) {
		if _, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-S", r.chain(h)); err != nil {
			if notFound(err) {
				continue
			}
			return err
		}
		_, err := tool(ctx, "", cmd, "-w", "-t", h.table, "-D", h.from, "-j", r.chain(h))
		if err != nil && !notFound(err) {
			return err
		}
		for _, step := range []string{"-F", "-X"} {
			if _, err := tool(ctx, "", cmd, "-w", "-t", h.table, step, r.chain(h)); err != nil {
				return err
			}
		}
	}
	return nil
}

// script is the input of iptables-restore. Naming a chain empties it, and a
// table is changed in one step, so there is no moment without rules.
func (r iptablesRules) script(cmd string, all []*Network) string {
	var top, in, out, input, nat strings.Builder
	fwd, inp, post := r.prefix+"-FORWARD", r.prefix+"-INPUT", r.prefix+"-POSTROUTING"
	loopback := "127.0.0.0/8"
	if cmd == "ip6tables" {
		loopback = "::1/128"
	}
	for _, n := range all {
		for _, s := range n.Subnets {
			if s.Subnet.Addr().Is6() != (cmd == "ip6tables") {
				continue
			}
			b := n.Bridge
			if n.Internal {
				fmt.Fprintf(&top, "-A %s -i %s ! -o %s -j DROP\n-A %s ! -i %s -o %s -j DROP\n", fwd, b, b, fwd, b, b)
			}
			if n.isolated() {
				fmt.Fprintf(&top, "-A %s -i %s -o %s -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP\n", fwd, b, b)
			}
			fmt.Fprintf(&in, "-A %s -o %s -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT\n", fwd, b)
			fmt.Fprintf(&in, "-A %s ! -i %s -o %s -j DROP\n", fwd, b, b)
			fmt.Fprintf(&out, "-A %s -i %s -j ACCEPT\n", fwd, b)
			fmt.Fprintf(&input, "-A %s -i %s -d %s -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP\n", inp, b, loopback)
			if n.Names {
				for _, proto := range []string{"udp", "tcp"} {
					fmt.Fprintf(&input, "-A %s -i %s -d %s -p %s --dport 53 -j ACCEPT\n", inp, b, s.Gateway, proto)
				}
			}
			if n.masquerade() {
				fmt.Fprintf(&nat, "-A %s -s %s ! -o %s -j MASQUERADE\n", post, s.Subnet, b)
			}
		}
	}
	if cmd == "ip6tables" {
		fmt.Fprintf(&nat, ":%[1]s-OUTPUT - [0:0]\n-A %[1]s-OUTPUT -d ::1/128 -j ACCEPT\n", r.prefix)
	}
	return fmt.Sprintf("*filter\n:%s - [0:0]\n:%s - [0:0]\n%s%s%s%sCOMMIT\n*nat\n:%s - [0:0]\n%sCOMMIT\n",
		fwd, inp, top.String(), in.String(), out.String(), input.String(), post, nat.String())
}
