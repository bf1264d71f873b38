package netutil

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/vishvananda/netlink"
)

// orphans are the interfaces on nerd's bridges that a plugin made (veth and eight
// hex digits) and whose other end is in none of the pinned namespaces. Interfaces
// are listed before namespaces: a namespace is pinned before it gets an interface.
func (kernel) orphans(networks []*Network, dir string) ([]string, error) {
	bridges := map[int]bool{}
	for _, n := range networks {
		link, err := netlink.LinkByName(n.Bridge)
		if err == nil && n.Firewall != "" {
			bridges[link.Attrs().Index] = true
		}
	}
	if len(bridges) == 0 {
		return nil, nil
	}
	links, err := linkList()
	if err != nil {
		return nil, err
	}
	pinned, err := namespaceIDs(dir)
	if err != nil {
		return nil, err
	}
	var orphans []string
	for _, l := range links {
		a := l.Attrs()
		if l.Type() == "veth" && bridges[a.MasterIndex] && pluginMade(a.Name) && !slices.Contains(pinned, a.NetNsID) {
			orphans = append(orphans, a.Name)
		}
	}
	return orphans, nil
}

func pluginMade(name string) bool {
	digits, ok := strings.CutPrefix(name, "veth")
	return ok && len(digits) == 8 && strings.Trim(digits, "0123456789abcdef") == ""
}

// namespaceIDs are the numbers by which the host's namespace knows the pinned ones.
func namespaceIDs(dir string) ([]int, error) {
	names, err := namesIn(dir, "")
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue // unpinned since it was listed
		}
		id, err := netlink.GetNetNsIdByFd(int(f.Fd()))
		if err := errors.Join(err, f.Close()); err == nil && id >= 0 {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (kernel) deleteLink(name string) error {
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.LinkDel(link)
}

// portRules are the rules that portmap has for containers of these networks.
func (kernel) portRules(ctx context.Context, networks []*Network) ([]portRule, error) {
	var rules []portRule
	for _, cmd := range []string{"iptables-save", "ip6tables-save"} {
		out, err := tool(ctx, "", cmd, "-t", "nat")
		if errors.Is(err, errdefs.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rules = append(rules, parseIptablesRules(string(out), networks)...)
	}
	out, err := tool(ctx, "", "nft", "list", "ruleset")
	if err != nil && !errors.Is(err, errdefs.ErrNotFound) {
		return nil, err
	}
	return append(rules, parseNftRules(string(out), networks)...), nil
}

// parseIptablesRules finds portmap's comment, dnat name: "NETWORK" id: "ID".
func parseIptablesRules(out string, networks []*Network) []portRule {
	var rules []portRule
	for line := range strings.Lines(out) {
		_, rest, ok := strings.Cut(strings.ReplaceAll(line, `\"`, `"`), `dnat name: "`)
		if !ok {
			continue
		}
		name, rest, _ := strings.Cut(rest, `" id: "`)
		id, _, ok := strings.Cut(rest, `"`)
		if !ok || id == "" {
			continue
		}
		for _, n := range networks {
			if n.CNIName == name {
				rules = append(rules, portRule{id, n})
			}
		}
	}
	return rules
}

// parseNftRules finds the rules of portmap's table that lead to an address of one
// of the networks. Their comment is the container's id and says no network; other
// CNI users of the host use the same table.
func parseNftRules(out string, networks []*Network) []portRule {
	var rules []portRule
	ours := false
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "table ") {
			ours = strings.Contains(line, " cni_hostport ")
		}
		_, to, ok := strings.Cut(line, " dnat to ")
		_, comment, commented := strings.Cut(line, ` comment "`)
		if !ours || !ok || !commented {
			continue
		}
		target, _, _ := strings.Cut(to, " ")
		id, _, _ := strings.Cut(comment, `"`)
		addr, err := netip.ParseAddrPort(target)
		if err != nil {
			continue
		}
		for _, n := range networks {
			if slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Contains(addr.Addr()) }) {
				rules = append(rules, portRule{id, n})
			}
		}
	}
	return rules
}
