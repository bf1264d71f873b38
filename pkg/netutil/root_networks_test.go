//go:build root

package netutil

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"
)

// joinReal attaches a new container to the networks and returns the addresses.
func joinReal(t *testing.T, s *Service, i int, names ...string) map[string]*network.EndpointSettings {
	t.Helper()
	req := AttachRequest{ContainerID: cid(i), Name: fmt.Sprint("c", i)}
	for _, n := range names {
		req.Endpoints = append(req.Endpoints, Endpoint{Network: n})
	}
	_, err := s.NewSandbox(t.Context(), cid(i))
	must(t, err)
	a, err := s.Attach(t.Context(), req)
	must(t, err)
	return a.Networks
}

func dropAllOf(t *testing.T, s *Service, containers int, names ...string) {
	t.Helper()
	for i := 1; i <= containers; i++ {
		must(t, s.Detach(t.Context(), cid(i)))
	}
	for _, n := range names {
		if _, err := s.Remove(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
}

// The bridges of user networks with either backend: who reaches whom, both
// families, and that a removal leaves nothing.
func TestRealUserNetworks(t *testing.T) {
	for _, backend := range []string{iptables, nftables} {
		t.Run(backend, func(t *testing.T) {
			s := realService(t)
			s.host = withBackend{name: backend}
			// What stays: the rules of the default network, and the firewall's tables.
			_, err := s.EnsureDefault(t.Context())
			must(t, err)
			_, err = s.Create(t.Context(), CreateOptions{Name: "warm", IPAM: pools(pool("10.30.0.0/24"), pool("fd00:30::/64"))})
			must(t, err)
			_, err = s.Remove(t.Context(), "warm")
			must(t, err)
			before := machineState(t)
			create := func(o CreateOptions) {
				_, err := s.Create(t.Context(), o)
				must(t, err)
			}
			create(CreateOptions{Name: "a", IPAM: pools(pool("10.31.0.0/24"), pool("fd00:31::/64"))})
			create(CreateOptions{Name: "b", IPAM: pools(pool("10.32.0.0/24"), pool("fd00:32::/64"))})
			create(CreateOptions{Name: "in", Internal: true, IPAM: pools(pool("10.33.0.0/24"))})
			create(CreateOptions{Name: "apart", Options: map[string]string{optICC: "false"}, IPAM: pools(pool("10.34.0.0/24"))})
			one := joinReal(t, s, 1, "a")["a"]
			joinReal(t, s, 2, "a")
			joinReal(t, s, 3, "b")
			inner := joinReal(t, s, 4, "in")["in"]
			joinReal(t, s, 5, "in")
			alone := joinReal(t, s, 6, "apart")["apart"]
			joinReal(t, s, 7, "apart")
			joinReal(t, s, 8, "b", "a")
			for _, i := range []int{1, 4, 6} {
				serve(t, s.cfg.Layout.Netns(cid(i)), ":80", "yes")
			}
			v6 := "[" + one.GlobalIPv6Address.String() + "]:80"
			for _, c := range []struct {
				from int
				addr string
				want string
			}{
				{2, one.IPAddress.String() + ":80", "yes"},
				{2, v6, "yes"},
				{3, one.IPAddress.String() + ":80", ""},
				{3, v6, ""},
				{8, one.IPAddress.String() + ":80", "yes"},
				{8, v6, "yes"},
				{5, inner.IPAddress.String() + ":80", "yes"},
				{5, one.IPAddress.String() + ":80", ""},
				{2, inner.IPAddress.String() + ":80", ""},
				{7, alone.IPAddress.String() + ":80", ""},
			} {
				inNetns(t, s.cfg.Layout.Netns(cid(c.from)), func() error {
					return wantFetch(fmt.Sprint("container ", c.from), c.addr, c.want)
				})
			}
			if backend == iptables { // the resolver is asked whatever else is dropped
				run(t, "", "iptables", "-P", "INPUT", "DROP")
				for port, want := range map[string]string{"53": "yes", "54": ""} {
					serve(t, "/proc/self/ns/net", one.Gateway.String()+":"+port, "yes")
					inNetns(t, s.cfg.Layout.Netns(cid(2)), func() error {
						return wantFetch("the resolver", one.Gateway.String()+":"+port, want)
					})
				}
				run(t, "", "iptables", "-P", "INPUT", "ACCEPT")
			}
			if inner.Gateway.IsValid() {
				t.Errorf("an internal network has the gateway %s", inner.Gateway)
			}
			dropAllOf(t, s, 8, "a", "b", "in", "apart")
			assertClean(t, s)
			if after := machineState(t); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// machineState is the links and the firewall of this namespace.
func machineState(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, argv := range [][]string{{"ip", "-br", "link"}, {"iptables-save"}, {"ip6tables-save"}, {"nft", "list", "tables"}} {
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		must(t, err)
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ":") {
				all.WriteString(line)
			}
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

// lan is a wire from this host's lan0 to another host, 192.0.2.9.
func lan(t *testing.T) (other string) {
	t.Helper()
	other = filepath.Join(t.TempDir(), "other")
	must(t, kernel{}.pin(other))
	t.Cleanup(func() { must(t, kernel{}.unpin(other)) })
	run(t, "", "ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
	t.Cleanup(func() { run(t, "", "ip", "link", "del", "lan0") })
	f, err := os.Open(other)
	must(t, err)
	defer f.Close()
	run(t, "", "ip", "link", "set", "lan1", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()))
	run(t, "", "ip", "link", "set", "lan0", "up")
	run(t, "", "nsenter", "--net="+other, "sh", "-ec", "ip addr add 192.0.2.9/24 dev lan1; ip link set lan1 up")
	return other
}

// On a macvlan and an ipvlan a container is a host of its own in the parent's
// network.
func TestRealVlans(t *testing.T) {
	for _, driver := range []string{driverMacvlan, driverIPvlan} {
		t.Run(driver, func(t *testing.T) {
			s := realService(t)
			other := lan(t)
			if err := kernelHas(driver); err != nil {
				t.Skipf("this kernel has no %s: %v", driver, err)
			}
			c := pool("192.0.2.0/24")
			c.Gateway, c.IPRange = netip.MustParseAddr("192.0.2.9"), netip.MustParsePrefix("192.0.2.128/25")
			_, err := s.Create(t.Context(), CreateOptions{Name: "lan", Driver: driver, Options: map[string]string{optParent: "lan0"}, IPAM: pools(c)})
			must(t, err)
			got := joinReal(t, s, 1, "lan")["lan"]
			serve(t, s.cfg.Layout.Netns(cid(1)), ":80", "yes")
			inNetns(t, other, func() error { return wantFetch("the other host", got.IPAddress.String()+":80", "yes") })
			dropAllOf(t, s, 1, "lan")
			assertClean(t, s)
		})
	}
}

func kernelHas(kind string) error {
	err := exec.Command("ip", "link", "add", "probe0", "link", "lan0", "type", kind).Run()
	if err == nil {
		err = exec.Command("ip", "link", "del", "probe0").Run()
	}
	return err
}

// With the IPAM driver dhcp a server of the network gives the address.
func TestRealDHCP(t *testing.T) {
	s := realService(t)
	other := lan(t)
	if err := kernelHas(driverMacvlan); err != nil {
		t.Skipf("this kernel has no macvlan: %v", err)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "udhcpd.conf")
	leases := filepath.Join(dir, "leases")
	must(t, os.WriteFile(leases, nil, 0o600))
	must(t, os.WriteFile(conf, []byte("start 192.0.2.50\nend 192.0.2.60\ninterface lan1\nlease_file "+leases+"\npidfile "+dir+"/pid\nopt subnet 255.255.255.0\nopt router 192.0.2.9\nopt lease 600\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := exec.CommandContext(ctx, "nsenter", "--net="+other, "busybox", "udhcpd", "-f", conf)
	must(t, server.Start())
	t.Cleanup(func() { cancel(); _ = server.Wait() })
	_, err := s.Create(t.Context(), CreateOptions{Name: "lan", Driver: driverMacvlan, Options: map[string]string{optParent: "lan0"}, IPAM: network.IPAM{Driver: "dhcp"}})
	must(t, err)
	got := joinReal(t, s, 1, "lan")["lan"]
	if !netip.MustParsePrefix("192.0.2.0/24").Contains(got.IPAddress) || got.IPAddress.As4()[3] < 50 || got.IPAddress.As4()[3] > 60 {
		t.Errorf("address %s", got.IPAddress)
	}
	serve(t, s.cfg.Layout.Netns(cid(1)), ":80", "yes")
	inNetns(t, other, func() error { return wantFetch("the other host", got.IPAddress.String()+":80", "yes") })
	dropAllOf(t, s, 1, "lan")
	assertClean(t, s)
	if dials(s.dhcpSocket()) {
		t.Error("the plugin's process is left")
	}
}
