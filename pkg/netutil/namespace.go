package netutil

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inNamespace runs f in the network namespace at path.
func inNamespace(path string, f func() error) error {
	done := make(chan error, 1)
	go inThrowawayThread(func() {
		fd, err := os.Open(path)
		if err != nil {
			done <- err
			return
		}
		if err = unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err == nil {
			err = f()
		}
		done <- errors.Join(err, fd.Close())
	})
	return <-done
}

// route makes the default routes of a container what they should be. Plugins see
// one network each and cannot know which of several has the route.
func (kernel) route(path string, want []defaultRoute) error {
	return inNamespace(path, func() error {
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			if err := routeFamily(family, want); err != nil {
				return fmt.Errorf("setting the default route: %w", err)
			}
		}
		return nil
	})
}

func routeFamily(family int, want []defaultRoute) error {
	var target *netlink.Route
	for _, d := range want {
		if d.via.Is4() != (family == netlink.FAMILY_V4) {
			continue
		}
		link, err := netlink.LinkByName(d.dev)
		if err != nil {
			return err
		}
		target = &netlink.Route{LinkIndex: link.Attrs().Index, Gw: d.via.AsSlice(), Dst: allOf(family)}
	}
	have, err := routeList(family, &netlink.Route{Table: unix.RT_TABLE_MAIN})
	if err != nil {
		return err
	}
	there := false
	for _, r := range have {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() || r.Type != unix.RTN_UNICAST || isMulticast(r.Dst) {
			continue
		}
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones != 0 {
				continue
			}
		}
		if target != nil && r.LinkIndex == target.LinkIndex && r.Gw.Equal(target.Gw) {
			there = true
			continue
		}
		if r.Gw == nil && len(r.MultiPath) == 0 {
			continue // someone's own, straight to a device
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	if target == nil || there {
		return nil
	}
	return netlink.RouteReplace(target)
}

func isMulticast(n *net.IPNet) bool { return n != nil && n.IP.IsMulticast() }

func allOf(family int) *net.IPNet {
	if family == netlink.FAMILY_V4 {
		return &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	}
	return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
}

// tune adds addresses to an interface of a container and sets kernel parameters.
func (kernel) tune(path, dev string, addrs []netip.Addr, sysctls map[string]string) error {
	return inNamespace(path, func() error {
		link, err := netlink.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("interface %s: %w", dev, err)
		}
		for _, a := range addrs {
			bits := 16 // of 169.254.0.0, and of fe80:: as the kernel has it
			if a.Is6() {
				bits = 64
			}
			addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}, Scope: unix.RT_SCOPE_LINK}
			if err := netlink.AddrReplace(link, addr); err != nil {
				return fmt.Errorf("adding the address %s: %w", a, err)
			}
		}
		// The files of /proc/sys/net are those of the thread that opens them.
		for key, value := range sysctls {
			if err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0o644); err != nil {
				return fmt.Errorf("setting %s: %w", key, err)
			}
		}
		return nil
	})
}
