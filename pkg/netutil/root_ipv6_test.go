//go:build root

package netutil

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
)

// Published ports and the way out over IPv6, with either backend.
func TestRealTraffic6(t *testing.T) {
	for _, backend := range []string{iptables, nftables} {
		t.Run(backend, func(t *testing.T) {
			s := realService(t)
			s.host = withBackend{name: backend}
			t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
			out := outside(t)
			run(t, "", "ip", "addr", "add", "2001:db8::1/64", "dev", "out0", "nodad")
			run(t, "", "nsenter", "--net="+out, "sh", "-ec", "ip addr add 2001:db8::2/64 dev out1 nodad; ip route add default via 2001:db8::1")
			serve(t, out, "[2001:db8::2]:80", "out")
			_, err := s.Create(t.Context(), CreateOptions{Name: "six", IPAM: pools(pool("10.31.0.0/24"), pool("fd00:31::/64"))})
			must(t, err)
			res, err := s.ReservePorts(t.Context(), "c1", cid(1), []PublishedPort{{ContainerPort: 80}})
			must(t, err)
			t.Cleanup(func() { _ = res.Close() })
			_, err = s.NewSandbox(t.Context(), cid(1))
			must(t, err)
			a, err := s.Attach(t.Context(), AttachRequest{ContainerID: cid(1), Name: "c1", Endpoints: []Endpoint{{Network: "six"}}, Ports: res.Ports})
			must(t, err)
			path := s.cfg.Layout.Netns(cid(1))
			serve(t, path, ":80", "web")
			serve(t, path, ":81", "private")
			port := portText(res)
			must(t, wantFetch("host", "[2001:db8::1]:"+port, "web"))
			must(t, arrives(res, "tcp", "[::1]:"+port))
			own := a.Networks["six"].GlobalIPv6Address.String()
			inNetns(t, out, func() error {
				return errors.Join(
					wantFetch("outside", "[2001:db8::1]:"+port, "web"),
					wantFetch("outside", "["+own+"]:81", ""),
				)
			})
			inNetns(t, path, func() error {
				return errors.Join(
					wantFetch("container", "[2001:db8::2]:80", "out"),
					wantFetch("container", "[2001:db8::1]:"+port, "web"),
				)
			})
			must(t, res.Close())
			dropAllOf(t, s, 1, "six")
			assertClean(t, s)
		})
	}
}

// The kernel leads nothing from ::1 to another interface, and nothing of IPv6 to a
// network without: with either backend it has to arrive at the sockets that hold the
// port, of which the monitor takes it.
func TestRealLoopback6(t *testing.T) {
	for _, backend := range []string{iptables, nftables} {
		t.Run(backend, func(t *testing.T) {
			s := realService(t)
			s.host = withBackend{name: backend}
			t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
			out := outside(t)
			run(t, "", "ip", "addr", "add", "2001:db8::1/64", "dev", "out0", "nodad")
			run(t, "", "nsenter", "--net="+out, "ip", "addr", "add", "2001:db8::2/64", "dev", "out1", "nodad")
			_, res := attachReal(t, s, cid(1), PublishedPort{ContainerPort: 80, Protocol: network.TCP}, PublishedPort{ContainerPort: 80, Protocol: network.UDP})
			tcp, udp := fmt.Sprint(res.Ports[0].HostPort), fmt.Sprint(res.Ports[1].HostPort)
			must(t, arrives(res, "tcp", "[::1]:"+tcp))
			must(t, arrives(res, "udp", "[::1]:"+udp))
			inNetns(t, out, func() error {
				return errors.Join(arrives(res, "tcp", "[2001:db8::1]:"+tcp), arrives(res, "udp", "[2001:db8::1]:"+udp))
			})
			must(t, res.Close())
			must(t, s.Detach(t.Context(), cid(1)))
			assertClean(t, s)
		})
	}
}

// arrives sends a word to a published port from the calling thread's namespace and
// expects it at the reservation's socket.
func arrives(res *Reservation, proto, addr string) error {
	want, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	name := proto + " " + netip.AddrPortFrom(netip.IPv6Unspecified(), want.Port()).String()
	for _, f := range res.Files() {
		if f.Name() != name {
			continue
		}
		conn, err := net.DialTimeout(proto, addr, 10*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err = conn.Write([]byte("word")); err != nil {
			return err
		}
		got, err := received(f, proto, time.Now().Add(10*time.Second))
		if err != nil || got != "word" {
			return fmt.Errorf("%s receives %q from %s: %w", name, got, addr, err)
		}
		return nil
	}
	return fmt.Errorf("nothing holds %s", name)
}

// received is the first word that arrives at a socket.
func received(f *os.File, proto string, end time.Time) (string, error) {
	buf := make([]byte, 64)
	if proto == "udp" {
		conn, err := net.FilePacketConn(f)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		err = conn.SetReadDeadline(end)
		if err != nil {
			return "", err
		}
		n, _, err := conn.ReadFrom(buf)
		return string(buf[:n]), err
	}
	l, err := net.FileListener(f)
	if err != nil {
		return "", err
	}
	defer l.Close()
	if err := l.(*net.TCPListener).SetDeadline(end); err != nil {
		return "", err
	}
	conn, err := l.Accept()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(end); err != nil {
		return "", err
	}
	n, err := conn.Read(buf)
	return string(buf[:n]), err
}
