package netutil

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/containernetworking/cni/libcni"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"
)

// The plugin dhcp gives a lease back from the address 0.0.0.0 to the server's, which
// Linux drops as it arrives unless the server reads raw packets: dnsmasq, udhcpd and
// Kea by default keep the lease until it ends. So nerd says it from the address
// itself, before DEL. The plugin does not tell the server's name, which belongs into
// the message: a renewal, which every server answers to its client, asks for it.

const (
	releasePatience = 3 * time.Second // a server that does not answer holds nobody up longer
	releaseRetry    = 300 * time.Millisecond
)

// releaseDHCP gives the lease of an endpoint back to its server. What fails is of no
// account: the lease ends by itself.
func (s *Service) releaseDHCP(ctx context.Context, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf, result json.RawMessage) {
	if rt.NetNS == "" || len(list.Plugins) == 0 || list.Plugins[0].Network.IPAM.Type != ipamDHCP {
		return
	}
	var res current.Result
	if json.Unmarshal(result, &res) != nil {
		return // ADD did not come to its end
	}
	client := rt.ContainerID + "/" + list.Name + "/" + rt.IfName
	l := dhcpLease{client: append([]byte{0}, client[:min(len(client), 254)]...)} // as the plugin makes it
	for _, ip := range res.IPs {
		if p, ok := prefixOf(&ip.Address); ok && p.Addr().Is4() {
			l.addr = p.Addr()
		}
	}
	for _, i := range res.Interfaces {
		if i.Name == rt.IfName && i.Sandbox != "" {
			l.mac, _ = net.ParseMAC(i.Mac)
		}
	}
	if !l.addr.IsValid() || len(l.mac) != 6 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	_ = s.host.release(ctx, rt.NetNS, rt.IfName, l)
}

func (kernel) release(ctx context.Context, path, dev string, l dhcpLease) (err error) {
	var conn net.PacketConn
	err = inNamespace(path, func() error {
		var err error
		conn, err = listenDHCP(ctx, dev, l.addr)
		return err
	})
	if err != nil {
		return fmt.Errorf("giving the lease of %s back: %w", l.addr, err)
	}
	defer func() { _ = conn.Close() }()
	server, err := l.askServer(ctx, conn)
	if err != nil {
		return fmt.Errorf("giving the lease of %s back: no server answers: %w", l.addr, err)
	}
	_, err = conn.WriteTo(l.message(dhcpRelease, newXID(), server), &net.UDPAddr{IP: server.AsSlice(), Port: dhcpServer})
	return err
}

// listenDHCP opens the client's socket in the namespace of the calling thread.
func listenDHCP(ctx context.Context, dev string, addr netip.Addr) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var optErr error
		err := c.Control(func(fd uintptr) {
			for _, opt := range []int{unix.SO_BROADCAST, unix.SO_REUSEADDR} {
				if optErr == nil {
					optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, opt, 1)
				}
			}
			if optErr == nil {
				optErr = unix.BindToDevice(int(fd), dev)
			}
		})
		if err != nil {
			return err
		}
		return optErr
	}}
	return lc.ListenPacket(ctx, "udp4", netip.AddrPortFrom(addr, dhcpClient).String())
}

// askServer finds the server that gave the lease.
func (l dhcpLease) askServer(ctx context.Context, conn net.PacketConn) (netip.Addr, error) {
	xid, buf := newXID(), make([]byte, 1500)
	everyone := &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpServer}
	for {
		if err := ctx.Err(); err != nil {
			return netip.Addr{}, err
		}
		if _, err := conn.WriteTo(l.message(dhcpRequest, xid, netip.Addr{}), everyone); err != nil {
			return netip.Addr{}, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(releaseRetry)); err != nil {
			return netip.Addr{}, err
		}
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break // its time is over: ask again
			}
			if server, err := l.acknowledged(buf[:n], xid); err == nil {
				return server, nil
			}
		}
	}
}

func newXID() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}
