package netutil

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/moby/moby/api/types/network"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// errBusy says that the port is bound by someone else.
var errBusy = errors.New("port is in use")

// bindPort holds a port: a socket for the address, or one for each family if
// every address is meant.
func bindPort(dir string, p PublishedPort) ([]*os.File, error) {
	if p.Protocol == network.SCTP {
		return lockSCTP(dir, p)
	}
	var files []*os.File
	for _, addr := range hostAddrs(p) {
		f, err := bindSocket(netip.AddrPortFrom(addr, p.HostPort), p.Protocol)
		if !p.HostIP.IsValid() && addr.Is6() && noIPv6(err) {
			continue
		}
		if errors.Is(err, unix.EADDRINUSE) {
			err = errBusy
		}
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			err = errs.WithHint(fmt.Errorf("this host does not have the address %s", addr), "use one of its own addresses")
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(files))
		}
		files = append(files, f)
	}
	return files, nil
}

func hostAddrs(p PublishedPort) []netip.Addr {
	if p.HostIP.IsValid() {
		return []netip.Addr{p.HostIP}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// noIPv6 tells that the host has IPv6 switched off.
func noIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// backlog is how many IPv6 connections may wait for the monitor to take them.
const backlog = 128

// bindSocket holds one address and port so that nobody else can bind it. Traffic
// to a published port is redirected before it gets here, and what is not shall be
// refused at once, as if nothing were here. Only IPv6 is answered: a container without
// an IPv6 address is reached through the monitor, which accepts the connections and
// joins them with the container, and has packets relayed.
//
// A UDP socket is bound without SO_REUSEADDR, which excludes every other one. That of
// IPv4 drops what it receives.
//
// TCP is harder. Without SO_REUSEADDR a bind fails while old connections are in
// TIME_WAIT. With it, sockets that do not listen share a port, other reservations
// included. A listening socket excludes all, but the kernel completes connections
// to it that nobody will ever accept. So the socket binds with the option, listens
// for a moment, which makes the port exclusive for whatever comes later, drops the
// option and, but for IPv6, stops listening. It remains bound and exclusive.
func bindSocket(addr netip.AddrPort, proto network.IPProtocol) (*os.File, error) {
	domain, kind := unix.AF_INET, unix.SOCK_STREAM
	if addr.Addr().Is6() {
		domain = unix.AF_INET6
	}
	if proto == network.UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := holdPort(fd, addr, proto); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), string(proto)+" "+addr.String()), nil
}

func holdPort(fd int, addr netip.AddrPort, proto network.IPProtocol) error {
	if addr.Addr().Is6() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if proto == network.UDP {
		if addr.Addr().Is4() {
			if err := dropAll(fd); err != nil {
				return err
			}
		}
		return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(addr)))
	}
	for _, step := range []struct {
		call string
		err  func() error
	}{
		{"setsockopt", func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }},
		{"bind", func() error { return unix.Bind(fd, sockaddr(addr)) }},
		{"listen", func() error { return unix.Listen(fd, backlog) }},
		{"setsockopt", func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) }},
		{"shutdown", func() error {
			if addr.Addr().Is6() {
				return nil
			}
			return unix.Shutdown(fd, unix.SHUT_RDWR)
		}},
	} {
		if err := step.err(); err != nil {
			return os.NewSyscallError(step.call, err)
		}
	}
	return nil
}

// dropAll attaches a filter that accepts no byte of any packet.
func dropAll(fd int) error {
	filter := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// lockSCTP holds an SCTP port among nerd's containers only, by a lock that lives
// as long as the descriptor: most kernels have no SCTP sockets to bind.
func lockSCTP(dir string, p PublishedPort) ([]*os.File, error) {
	path := filepath.Join(dir, "sctp-"+strconv.Itoa(int(p.HostPort)))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errBusy
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return []*os.File{f}, nil
}

// freePort lets the kernel choose one from its range of ephemeral ports.
func freePort(p PublishedPort) (uint16, error) {
	addr := hostAddrs(p)[0]
	kind, domain := unix.SOCK_STREAM, unix.AF_INET
	if p.Protocol == network.UDP {
		kind = unix.SOCK_DGRAM
	}
	if addr.Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	port, err := boundPort(fd, netip.AddrPortFrom(addr, 0))
	return port, errors.Join(err, unix.Close(fd))
}

func boundPort(fd int, addr netip.AddrPort) (uint16, error) {
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port), nil
	case *unix.SockaddrInet6:
		return uint16(sa.Port), nil
	}
	return 0, fmt.Errorf("unexpected socket address %T", sa)
}
