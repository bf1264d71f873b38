//go:build root

package netutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run runs a program of the system that a test needs.
func run(tb testing.TB, stdin string, argv ...string) {
	tb.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v: %s", argv, err, out)
	}
}

// outside is a neighbour of the host on another network, 192.0.2.2 to the host's
// 192.0.2.1, that sends everything to the host.
func outside(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outside")
	must(t, kernel{}.pin(path))
	t.Cleanup(func() { must(t, kernel{}.unpin(path)) })
	run(t, "", "ip", "link", "add", "out0", "type", "veth", "peer", "name", "out1")
	t.Cleanup(func() { run(t, "", "ip", "link", "del", "out0") })
	pid := os.Getpid()
	run(t, "", "nsenter", "--net="+path, "true")
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	run(t, "", "ip", "link", "set", "out1", "netns", fmt.Sprintf("/proc/%d/fd/%d", pid, f.Fd()))
	run(t, "", "ip", "addr", "add", "192.0.2.1/24", "dev", "out0")
	run(t, "", "ip", "link", "set", "out0", "up")
	run(t, "", "nsenter", "--net="+path, "sh", "-ec", "ip addr add 192.0.2.2/24 dev out1; ip link set out1 up; ip route add default via 192.0.2.1")
	return path
}

func wantFetch(where, addr, want string) error {
	got, err := fetch(addr)
	if want == "" && err == nil {
		return fmt.Errorf("%s: %s answers %q and should not", where, addr, got)
	}
	if want != "" && got != want {
		return fmt.Errorf("%s: %s answers %q, %w", where, addr, got, err)
	}
	return nil
}

// withBackend forces the backend of the rules, as a host without the other has it.
type withBackend struct {
	kernel
	name string
}

func (w withBackend) firewall(context.Context) (string, error) { return w.name, nil }

// The same traffic for either backend, and with the FORWARD policy that Docker and
// many firewalls set.
func TestRealTraffic(t *testing.T) {
	for _, backend := range []string{iptables, nftables} {
		t.Run(backend, func(t *testing.T) {
			s := realService(t)
			s.host = withBackend{name: backend}
			t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
			out := outside(t)
			if backend == iptables {
				run(t, "", "iptables", "-P", "FORWARD", "DROP")
			}
			traffic(t, s, out)
		})
	}
}

func traffic(t *testing.T, s *Service, out string) {
	web, res := attachReal(t, s, cid(1), PublishedPort{ContainerPort: 80}, PublishedPort{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8089, ContainerPort: 80})
	attachReal(t, s, cid(2))
	port := res.Ports[0].HostPort
	serve(t, s.cfg.Layout.Netns(cid(1)), ":80", "web")
	serve(t, s.cfg.Layout.Netns(cid(1)), ":81", "private")
	serve(t, out, "192.0.2.2:80", "out")
	serve(t, out, fmt.Sprintf("192.0.2.2:%d", port), "same port")
	n, err := s.EnsureDefault(t.Context())
	must(t, err)
	gateway := n.Subnets[0].Gateway

	// From the host: by loopback, its own address and the container's.
	for _, addr := range []string{"127.0.0.1", "192.0.2.1", gateway.String()} {
		must(t, wantFetch("host", fmt.Sprintf("%s:%d", addr, port), "web"))
	}
	must(t, wantFetch("host", "127.0.0.1:8089", "web"))
	must(t, wantFetch("host", "192.0.2.1:8089", ""))
	must(t, wantFetch("host", fmt.Sprintf("192.0.2.2:%d", port), "same port"))

	// From outside: published ports only, even for who routes to the bridge.
	inNetns(t, out, func() error {
		return errors.Join(
			wantFetch("outside", fmt.Sprintf("192.0.2.1:%d", port), "web"),
			wantFetch("outside", "192.0.2.1:8089", ""),
			wantFetch("outside", web.String()+":81", ""),
		)
	})

	// From a container: out, with the host's address; to a published port of the
	// host; and to the same port elsewhere, which is not the host's business.
	for _, i := range []int{1, 2} {
		inNetns(t, s.cfg.Layout.Netns(cid(i)), func() error {
			where := fmt.Sprintf("container %d", i)
			return errors.Join(
				wantFetch(where, "192.0.2.2:80", "out"),
				wantFetch(where, fmt.Sprintf("192.0.2.1:%d", port), "web"),
				wantFetch(where, fmt.Sprintf("%s:%d", gateway, port), "web"),
				wantFetch(where, fmt.Sprintf("192.0.2.2:%d", port), "same port"),
			)
		})
	}
	loopbackStaysPrivate(t, s)
	must(t, s.Detach(t.Context(), cid(1)))
	must(t, res.Close())
	must(t, wantFetch("host, after", fmt.Sprintf("127.0.0.1:%d", port), ""))
	must(t, s.Detach(t.Context(), cid(2)))
	assertClean(t, s)
}

// The rules work whether or not the kernel shows them what stays in a bridge.
func TestRealTrafficBridgeNetfilter(t *testing.T) {
	const file = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	for _, value := range []string{"0", "1"} {
		if err := os.WriteFile(file, []byte(value), 0); errors.Is(err, os.ErrNotExist) {
			t.Log("the kernel has no br_netfilter, which is as 0 is")
			return
		} else if err != nil {
			t.Fatal(err)
		}
		for _, backend := range []string{iptables, nftables} {
			t.Run(value+" "+backend, func(t *testing.T) {
				s := realService(t)
				s.host = withBackend{name: backend}
				t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
				traffic(t, s, outside(t))
			})
		}
	}
}

// portmap makes loopback routable on the bridge. A container with the means to
// send there still must not reach a service that the host has on 127.0.0.1.
func loopbackStaysPrivate(t *testing.T, s *Service) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:7777")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "secret")
			_ = c.Close()
		}
	}()
	must(t, wantFetch("host", "127.0.0.1:7777", "secret"))
	n, err := s.EnsureDefault(t.Context())
	must(t, err)
	path := s.cfg.Layout.Netns(cid(2))
	run(t, "", "nsenter", "--net="+path, "sh", "-ec",
		"ip addr flush dev lo; ip link set lo down; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route add 127.0.0.0/8 via "+n.Subnets[0].Gateway.String()+" dev eth0 src $(ip -4 -o addr show eth0 | sed 's,.*inet ,,; s,/.*,,')")
	inNetns(t, path, func() error { return wantFetch("container", "127.0.0.1:7777", "") })
}

// Someone flushed the firewall: the next container brings the rules back.
func TestRealRulesComeBack(t *testing.T) {
	for _, backend := range []string{iptables, nftables} {
		t.Run(backend, func(t *testing.T) {
			s := realService(t)
			s.host = withBackend{name: backend}
			t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
			out := outside(t)
			serve(t, out, "192.0.2.2:80", "out")
			attachReal(t, s, cid(1))
			n, err := s.EnsureDefault(t.Context())
			must(t, err)
			if ok, err := s.host.ready(t.Context(), n, s.rules(backend)); !ok || err != nil {
				t.Fatalf("ready %v, %v", ok, err)
			}
			run(t, "flush ruleset\n", "nft", "-f", "-")
			if ok, err := s.host.ready(t.Context(), n, s.rules(backend)); ok || err != nil {
				t.Fatalf("ready without rules: %v, %v", ok, err)
			}
			attachReal(t, s, cid(2))
			for _, i := range []int{1, 2} {
				inNetns(t, s.cfg.Layout.Netns(cid(i)), func() error { return wantFetch("container", "192.0.2.2:80", "out") })
			}
		})
	}
}

// A host with the legacy iptables: its rules are not in nf_tables.
func TestRealLegacyIptables(t *testing.T) {
	legacy, err := findTool("xtables-legacy-multi")
	if err != nil {
		t.Fatal("it is part of the package iptables:", err)
	}
	// Every variant is one program that goes by the name it is called with, so one
	// mount, in this test's own mount namespace, replaces all of them.
	nft, err := findTool("xtables-nft-multi")
	must(t, err)
	must(t, unix.Mount(legacy, nft, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(nft, unix.MNT_DETACH)) })
	s := realService(t)
	out := outside(t)
	run(t, "", "iptables", "-P", "FORWARD", "DROP")
	t.Cleanup(func() {
		run(t, "", "sh", "-ec", "iptables -P FORWARD ACCEPT; for t in filter nat; do iptables -t $t -F; iptables -t $t -X; done")
	})
	traffic(t, s, out)
	n, err := s.EnsureDefault(t.Context())
	must(t, err)
	if ok, err := s.host.ready(t.Context(), n, s.rules(iptables)); !ok || err != nil {
		t.Fatalf("ready %v, %v", ok, err)
	}
}
