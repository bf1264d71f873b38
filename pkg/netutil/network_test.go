package netutil

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
)

func prefixes(s ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, x := range s {
		p = append(p, netip.MustParsePrefix(x))
	}
	return p
}

func TestFreeSubnet(t *testing.T) {
	for _, c := range []struct {
		taken []netip.Prefix
		want  string
	}{
		{nil, "172.17.0.0/16"},
		{prefixes("172.17.0.0/16"), "172.18.0.0/16"},
		{prefixes("172.17.3.4/32", "172.18.0.0/15"), "172.20.0.0/16"},
		{prefixes("172.16.0.0/12"), "192.168.0.0/20"},
		{prefixes("172.16.0.0/12", "192.168.0.0/24"), "192.168.16.0/20"},
	} {
		got, ok := freeSubnet(defaultPools(), c.taken)
		if !ok || got.String() != c.want {
			t.Errorf("taken %v: %v", c.taken, got)
		}
	}
	if got, ok := freeSubnet(defaultPools(), prefixes("172.0.0.0/8", "192.0.0.0/8")); ok {
		t.Errorf("found %v where all is taken", got)
	}
}

func TestEnsureDefault(t *testing.T) {
	s, h, _ := fakeService(t)
	h.ranges = prefixes("172.17.0.0/16")
	before, err := s.Networks(t.Context())
	must(t, err)
	if len(before) != 2 || before[0].Name != NetworkHost || before[1].Driver != "null" {
		t.Errorf("before: %+v", before)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n, err := New(s.cfg).fromDefault(t, h)
			if err != nil || n.Subnets[0].Subnet.String() != "172.18.0.0/16" || n.Subnets[0].Gateway.String() != "172.18.0.1" ||
				len(n.ID) != 64 || n.Driver != "bridge" || n.Firewall != iptables || n.Bridge == "" || n.Created.IsZero() {
				t.Errorf("%+v, %v", n, err)
			}
		})
	}
	wg.Wait()
	// The choice is kept, whatever the host looks like later.
	h.ranges = prefixes("172.16.0.0/12")
	for _, name := range []string{NetworkBridge, NetworkDefault} {
		n, err := s.Network(t.Context(), name)
		if err != nil || n.Subnets[0].Subnet.String() != "172.18.0.0/16" || n.Name != NetworkBridge {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	list, err := s.Networks(t.Context())
	if err != nil || len(list) != 3 || list[0].Name != NetworkBridge {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Network(t.Context(), "nope"); !errdefs.IsNotFound(err) {
		t.Errorf("unknown: %v", err)
	}
}

func (s *Service) fromDefault(t *testing.T, h host) (*Network, error) {
	t.Helper()
	s.host = h
	return s.EnsureDefault(t.Context())
}

func TestNoSubnetLeft(t *testing.T) {
	s, h, _ := fakeService(t)
	h.ranges = prefixes("0.0.0.0/1", "128.0.0.0/1")
	if _, err := s.EnsureDefault(t.Context()); !errdefs.IsResourceExhausted(err) {
		t.Errorf("error %v", err)
	}
}

func TestForeignAndBrokenConflists(t *testing.T) {
	s, _, _ := fakeService(t)
	must(t, os.MkdirAll(s.cfg.Layout.Networks(), 0o700))
	must(t, os.WriteFile(s.conflistPath("lan"), []byte(`{"cniVersion":"1.0.0","name":"elsewhere","plugins":[{"type":"macvlan"}]}`), 0o600))
	n, err := s.Network(t.Context(), "lan")
	if err != nil || n.Driver != "macvlan" || n.CNIName != "elsewhere" || n.Firewall != "" {
		t.Errorf("%+v, %v", n, err)
	}
	_, err = s.NewSandbox(t.Context(), "c1")
	must(t, err)
	req := request("c1", web)
	req.Endpoints[0].Network = "lan"
	if _, err := s.Attach(t.Context(), req); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "macvlan") {
		t.Errorf("ports on macvlan: %v", err)
	}
	for _, bad := range []string{"", "{", `{"plugins":[]}`, "[]"} {
		must(t, os.WriteFile(s.conflistPath("broken"), []byte(bad), 0o600))
		if _, err := s.Network(t.Context(), "broken"); err == nil || !strings.Contains(err.Error(), "broken.conflist") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestScopes(t *testing.T) {
	s, _, _ := fakeService(t)
	o, _, _ := fakeService(t)
	if s.defaultBridge() == o.defaultBridge() || s.cniName("x") == o.cniName("x") || len(s.defaultBridge()) > 15 {
		t.Errorf("two roots share names: %s, %s", s.defaultBridge(), s.cniName("x"))
	}
	s.cfg.Layout.Data = "/var/lib/nerd"
	if s.defaultBridge() != "nerd0" || s.cniName("x") != "nerd-x" {
		t.Errorf("the default root: %s, %s", s.defaultBridge(), s.cniName("x"))
	}
	s.cfg.Bridge = "br9"
	if s.defaultBridge() != "br9" {
		t.Error(s.defaultBridge())
	}
}

func twoNetworks() []*Network {
	return []*Network{
		{Name: "a", CNIName: "nerd-a", Bridge: "nerd0", Firewall: iptables, Subnets: []Subnet{{Subnet: netip.MustParsePrefix("172.18.0.0/16")}}},
		{Name: "b", CNIName: "nerd-b", Bridge: "nerd1", Firewall: iptables, Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.1.0.0/24")}, {Subnet: netip.MustParsePrefix("fd00::/64")}}},
	}
}

func TestRuleScripts(t *testing.T) {
	got := iptablesRules{prefix: "NERD"}.script("iptables", twoNetworks())
	want := `*filter
:NERD-FORWARD - [0:0]
:NERD-INPUT - [0:0]
-A NERD-FORWARD -o nerd0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A NERD-FORWARD ! -i nerd0 -o nerd0 -j DROP
-A NERD-FORWARD -o nerd1 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A NERD-FORWARD ! -i nerd1 -o nerd1 -j DROP
-A NERD-FORWARD -i nerd0 -j ACCEPT
-A NERD-FORWARD -i nerd1 -j ACCEPT
-A NERD-INPUT -i nerd0 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A NERD-INPUT -i nerd1 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
COMMIT
*nat
:NERD-POSTROUTING - [0:0]
-A NERD-POSTROUTING -s 172.18.0.0/16 ! -o nerd0 -j MASQUERADE
-A NERD-POSTROUTING -s 10.1.0.0/24 ! -o nerd1 -j MASQUERADE
COMMIT
`
	if got != want {
		t.Errorf("IPv4:\n%s", got)
	}
	six := iptablesRules{prefix: "NERD"}.script("ip6tables", twoNetworks())
	if strings.Contains(six, "nerd0") || !strings.Contains(six, "-s fd00::/64 ! -o nerd1") || !strings.Contains(six, "-d ::1/128") {
		t.Errorf("IPv6:\n%s", six)
	}
	if got := strings.Join(families(twoNetworks()...), " "); got != "iptables ip6tables" {
		t.Error(got)
	}
	nft := nftRules{table: "nerd"}.script(twoNetworks())
	for _, line := range []string{"table inet nerd {", `iifname != "nerd0" oifname "nerd0" drop`, `ip6 saddr fd00::/64 oifname != "nerd1" masquerade`} {
		if !strings.Contains(nft, line) {
			t.Errorf("no %s in\n%s", line, nft)
		}
	}
}

// A conflist of another folder is a network; one that is broken is named, and the
// others keep working.
func TestBrokenConflistsLeaveTheOthers(t *testing.T) {
	s, _, _ := fakeService(t)
	dir := t.TempDir()
	s.cfg.ConflistDirs = []string{dir}
	must(t, os.WriteFile(dir+"/10-lan.conflist", []byte(`{"cniVersion":"1.0.0","name":"lan","plugins":[{"type":"macvlan","ipam":{"type":"host-local","subnet":"10.40.0.0/24"}}]}`), 0o600))
	must(t, os.WriteFile(dir+"/bad.conflist", []byte(`{"name":`), 0o600))
	_, err := s.Create(t.Context(), CreateOptions{Name: "own"})
	must(t, err)
	list, err := s.Networks(t.Context())
	if err != nil || len(list) != 4 {
		t.Errorf("%v, %v", list, err)
	}
	if broken := s.Broken(t.Context()); len(broken) != 1 || !strings.Contains(broken[0].Error(), "bad.conflist") {
		t.Errorf("broken: %v", broken)
	}
	n, err := s.Network(t.Context(), "lan")
	if err != nil || n.Driver != "macvlan" || n.Subnets[0].Subnet.String() != "10.40.0.0/24" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := s.Remove(t.Context(), "lan"); err == nil || !strings.Contains(err.Error(), "10-lan.conflist") {
		t.Errorf("removing it: %v", err)
	}
	if _, err := s.Create(t.Context(), CreateOptions{Name: "x", IPAM: pools(pool("10.40.0.0/25"))}); err == nil || !strings.Contains(err.Error(), "network lan") {
		t.Errorf("overlap: %v", err)
	}
}
