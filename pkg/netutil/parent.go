package netutil

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// A macvlan or ipvlan is made on an interface of the host. As in Docker, one named
// PARENT.VLAN that is not there is made on PARENT with that VLAN's number, and
// without any a device that leads nowhere connects the containers of the network.

func (kernel) hasLink(name string) (bool, error) {
	_, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return false, nil
	}
	return err == nil, err
}

func (k kernel) makeParent(n *Network) error {
	name := n.parent()
	if there, err := k.hasLink(name); there || err != nil {
		return err
	}
	link, err := newParent(n, name)
	if err != nil {
		return err
	}
	if err := netlink.LinkAdd(link); err != nil && !errors.Is(err, unix.EEXIST) {
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = errors.New("the kernel of this host has no such devices")
		}
		return fmt.Errorf("making the %s interface %s for network %s: %w", link.Type(), name, n.Name, err)
	}
	if link, err = netlink.LinkByName(name); err != nil {
		return err
	}
	if err := netlink.LinkSetAlias(link, n.Mark); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func newParent(n *Network, name string) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if n.Options[optParent] == "" {
		return &netlink.Dummy{LinkAttrs: attrs}, nil
	}
	base, tag, ok := strings.Cut(name, ".")
	id, err := strconv.Atoi(tag)
	if !ok || err != nil || id < 1 || id > 4094 {
		return nil, errs.WithHint(invalid("network %s: this host has no interface %s", n.Name, name), "choose another one with --opt parent=NAME")
	}
	below, err := netlink.LinkByName(base)
	if err != nil {
		return nil, errs.WithHint(invalid("network %s: this host has no interface %s", n.Name, base), "choose another one with --opt parent=NAME")
	}
	attrs.ParentIndex = below.Attrs().Index
	return &netlink.Vlan{LinkAttrs: attrs, VlanId: id}, nil
}

// removeParent removes the interface if nerd made it for this network.
func (kernel) removeParent(n *Network) error {
	link, err := netlink.LinkByName(n.parent())
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil || link.Attrs().Alias != n.Mark || n.Mark == "" {
		return err
	}
	return netlink.LinkDel(link)
}

func (s *Service) removeParent(_ context.Context, n *Network) error {
	if n.Driver != driverMacvlan && n.Driver != driverIPvlan {
		return nil
	}
	return s.host.removeParent(n)
}

// marked are the interfaces whose mark begins so, with the mark.
func (kernel) marked(prefix string) (map[string]string, error) {
	links, err := linkList()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, l := range links {
		if a := l.Attrs(); strings.HasPrefix(a.Alias, prefix) {
			out[a.Name] = a.Alias
		}
	}
	return out, nil
}
