package netutil

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
)

func pools(configs ...network.IPAMConfig) network.IPAM { return network.IPAM{Config: configs} }

func pool(subnet string) network.IPAMConfig {
	return network.IPAMConfig{Subnet: netip.MustParsePrefix(subnet)}
}

func TestCreate(t *testing.T) {
	s, h, _ := fakeService(t)
	n, err := s.Create(t.Context(), CreateOptions{Name: "net", Labels: map[string]string{"k": "v"}})
	must(t, err)
	if len(n.ID) != 64 || n.Driver != driverBridge || n.Bridge != "br-"+n.ID[:12] || !n.Names || n.UserPools || n.Subnets[0].Subnet.String() != "172.17.0.0/16" {
		t.Errorf("%+v", n)
	}
	if !slices.Contains(h.prepared, "net") {
		t.Error("the bridge was not made")
	}
	second, err := s.Create(t.Context(), CreateOptions{Name: "other"})
	must(t, err)
	if second.Subnets[0].Subnet.Overlaps(n.Subnets[0].Subnet) {
		t.Errorf("%v and %v", second.Subnets, n.Subnets)
	}
	for _, ref := range []string{"net", n.ID, n.ID[:5]} {
		if got, err := s.Network(t.Context(), ref); err != nil || got.Name != "net" {
			t.Errorf("%s: %v, %v", ref, got, err)
		}
	}
	again, err := parseNetwork("net", n.Conflist)
	must(t, err)
	again.File, again.Mark = n.File, n.Mark
	if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", n) {
		t.Errorf("read back:\n%+v\n%+v", again, n)
	}
	if _, err := s.Remove(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Network(t.Context(), "net"); !errdefs.IsNotFound(err) || !slices.Contains(h.cleared, "net") {
		t.Errorf("after its removal: %v, %v", err, h.cleared)
	}
}

func TestCreateDualStack(t *testing.T) {
	s, _, _ := fakeService(t)
	yes, no := true, false
	for i, c := range []struct {
		o      CreateOptions
		v4, v6 bool
	}{
		{CreateOptions{}, true, false},
		{CreateOptions{IPv6: &yes}, true, true},
		{CreateOptions{IPv6: &yes, IPv4: &no}, false, true},
		{CreateOptions{IPAM: pools(pool("fd00:1::/64"))}, true, true},
		{CreateOptions{IPAM: pools(pool("fd00:2::/64"), pool("10.9.0.0/24"))}, true, true},
	} {
		c.o.Name = fmt.Sprint("n", i)
		n, err := s.Create(t.Context(), c.o)
		if err != nil || n.has4() != c.v4 || n.has6() != c.v6 {
			t.Errorf("%d: %+v, %v", i, n, err)
		}
	}
	if _, err := s.Create(t.Context(), CreateOptions{Name: "x", IPv4: &no}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("no family at all: %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	s, h, _ := fakeService(t)
	h.own = map[string][]netip.Prefix{"docker0": prefixes("10.7.0.1/16")}
	_, err := s.Create(t.Context(), CreateOptions{Name: "first", IPAM: pools(pool("10.9.0.0/24"))})
	must(t, err)
	gateway := pool("10.8.0.0/24")
	gateway.Gateway = netip.MustParseAddr("10.8.1.1")
	within := pool("10.8.0.0/24")
	within.IPRange = netip.MustParsePrefix("10.8.1.0/25")
	aux := pool("10.8.0.0/24")
	aux.AuxAddress = map[string]netip.Addr{"x": netip.MustParseAddr("10.8.1.1")}
	opts := func(kv ...string) map[string]string { return map[string]string{kv[0]: kv[1]} }
	for _, c := range []struct {
		o    CreateOptions
		want string
	}{
		{CreateOptions{Name: ""}, "name is empty"},
		{CreateOptions{Name: ".."}, "only [a-zA-Z0-9]"},
		{CreateOptions{Name: "a/b"}, "only [a-zA-Z0-9]"},
		{CreateOptions{Name: "a b"}, "only [a-zA-Z0-9]"},
		{CreateOptions{Name: strings.Repeat("x", 200)}, "only [a-zA-Z0-9]"},
		{CreateOptions{Name: "host"}, "operation is not permitted on predefined host network"},
		{CreateOptions{Name: "first"}, "network with name first already exists"},
		{CreateOptions{Name: "x", Driver: "nope"}, `plugin "nope" not found`},
		{CreateOptions{Name: "x", Driver: "overlay"}, "swarm"},
		{CreateOptions{Name: "x", Driver: "host"}, "only one instance"},
		{CreateOptions{Name: "x", Driver: "host-device"}, "device="},
		{CreateOptions{Name: "x", IPAM: pools(pool("10.9.0.128/25"))}, "10.9.0.0/24 of network first"},
		{CreateOptions{Name: "x", IPAM: pools(pool("10.7.3.0/24"))}, "10.7.0.0/16 of the interface docker0"},
		{CreateOptions{Name: "x", IPAM: pools(pool("10.8.0.1/24"))}, "it should be 10.8.0.0/24"},
		{CreateOptions{Name: "x", IPAM: pools(pool("10.8.0.0/31"))}, "no room"},
		{CreateOptions{Name: "x", IPAM: pools(gateway)}, "no matching subnet for gateway 10.8.1.1"},
		{CreateOptions{Name: "x", IPAM: pools(within)}, "no matching subnet for range 10.8.1.0/25"},
		{CreateOptions{Name: "x", IPAM: pools(aux)}, "no matching subnet for aux-address 10.8.1.1"},
		{CreateOptions{Name: "x", IPAM: pools(pool("10.8.0.0/24"), pool("10.6.0.0/24"))}, "doesn't support multiple subnets"},
		{CreateOptions{Name: "x", IPAM: network.IPAM{Driver: "nope"}}, `plugin "nope" not found`},
		{CreateOptions{Name: "x", IPAM: network.IPAM{Driver: "dhcp"}}, "use macvlan"},
		{CreateOptions{Name: "x", Options: opts("foo", "bar")}, `unknown option "foo"`},
		{CreateOptions{Name: "x", Options: opts("mtu", "12")}, "invalid MTU"},
		{CreateOptions{Name: "x", Options: opts(optICC, "maybe")}, "true or false"},
		{CreateOptions{Name: "x", Options: opts(optBridgeName, "much-too-long-for-it")}, "invalid interface name"},
		{CreateOptions{Name: "x", Options: opts(optHostIPv4, "x")}, "an IPv4 address is expected"},
		{CreateOptions{Name: "x", Driver: driverMacvlan, Options: opts(optMacvlanMode, "x")}, "use bridge, vepa"},
	} {
		_, err := s.Create(t.Context(), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	list, err := s.Networks(t.Context())
	if err != nil || len(list) != 3 {
		t.Errorf("left: %v, %v", list, err)
	}
}

func TestRanges(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		sub  Subnet
		want string
	}{
		{Subnet{Subnet: netip.MustParsePrefix("10.0.0.0/24"), Gateway: addr("10.0.0.1")}, "-"},
		{Subnet{Subnet: netip.MustParsePrefix("10.0.0.0/24"), Range: netip.MustParsePrefix("10.0.0.128/25")}, "10.0.0.128-10.0.0.254"},
		{Subnet{Subnet: netip.MustParsePrefix("10.0.0.0/24"), Range: netip.MustParsePrefix("10.0.0.0/25")}, "10.0.0.1-10.0.0.127"},
		{Subnet{Subnet: netip.MustParsePrefix("10.0.0.0/29"), Aux: map[string]netip.Addr{"a": addr("10.0.0.3"), "b": addr("10.0.0.6"), "c": addr("10.0.0.1")}}, "10.0.0.2-10.0.0.2 10.0.0.4-10.0.0.5"},
		{Subnet{Subnet: netip.MustParsePrefix("fd00::/64"), Aux: map[string]netip.Addr{"a": addr("fd00::5")}}, "fd00::1-fd00::4 fd00::6-fd00::ffff:ffff:ffff:ffff"},
	} {
		var got []string
		for _, r := range c.sub.ranges() {
			got = append(got, r.RangeStart+"-"+r.RangeEnd)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, want %s", c.sub, got, c.want)
		}
	}
}

func TestFiltersAndPrune(t *testing.T) {
	s, h, _ := fakeService(t)
	h.busy["c1"] = true
	for _, name := range []string{"one", "two", "three"} {
		_, err := s.Create(t.Context(), CreateOptions{Name: name, Labels: map[string]string{"n": name, "all": ""}})
		must(t, err)
	}
	_, err := s.NewSandbox(t.Context(), "c1")
	must(t, err)
	req := request("c1")
	req.Endpoints[0].Network = "two"
	_, err = s.Attach(t.Context(), req)
	must(t, err)
	for filter, want := range map[string]string{
		"name=t":           "host three two", // host has one too
		"name=^t":          "three two",
		"label=n=one":      "one",
		"label=all":        "one three two",
		"type=builtin":     "bridge host none",
		"dangling=true":    "one three",
		"dangling=false":   "two",
		"driver=null":      "none",
		"scope=local":      "bridge host none one three two",
		"scope=swarm":      "",
		"type=nonsense":    "!",
		"name=(":           "!",
		"dangling=perhaps": "!",
		"color=red":        "!",
	} {
		key, value, _ := strings.Cut(filter, "=")
		list, err := s.List(t.Context(), map[string][]string{key: {value}})
		var got []string
		for _, n := range list {
			got = append(got, n.Name)
		}
		if (err != nil) != (want == "!") || err == nil && strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", filter, got, err)
		}
	}
	if _, err := s.Remove(t.Context(), "two"); err == nil || !strings.Contains(err.Error(), "has active endpoints") {
		t.Errorf("in use: %v", err)
	}
	if gone, err := s.Prune(t.Context(), PruneOptions{NotLabels: []string{"n=one"}}); err != nil || !slices.Equal(gone, []string{"three"}) {
		t.Errorf("pruned %v, %v", gone, err)
	}
	if gone, err := s.Prune(t.Context(), PruneOptions{}); err != nil || !slices.Equal(gone, []string{"one"}) {
		t.Errorf("pruned %v, %v", gone, err)
	}
}

// A removal that was killed is finished by the next command that meets it.
func TestUnfinishedRemoval(t *testing.T) {
	s, h, _ := fakeService(t)
	n, err := s.Create(t.Context(), CreateOptions{Name: "net"})
	must(t, err)
	must(t, os.Rename(n.File, n.File+removingSuffix))
	if _, err := s.Network(t.Context(), "net"); !errdefs.IsNotFound(err) {
		t.Errorf("a network that is being removed is there: %v", err)
	}
	if got := repairOnce(t, s, func(string) bool { return false }, false); !slices.Contains(got, "network net") {
		t.Errorf("findings %v", got)
	}
	if len(h.cleared) != 1 {
		t.Errorf("cleared %v", h.cleared)
	}
	n, err = s.Create(t.Context(), CreateOptions{Name: "net"})
	must(t, err)
	must(t, os.Rename(n.File, n.File+removingSuffix))
	if _, err = s.Create(t.Context(), CreateOptions{Name: "net"}); err != nil || len(h.cleared) != 2 {
		t.Errorf("made anew: %v, %v", err, h.cleared)
	}
}

func FuzzParseNetwork(f *testing.F) {
	f.Add([]byte(`{"cniVersion":"1.0.0","name":"x","nerd":{"name":"x","subnets":[{"subnet":"10.0.0.0/8"}]},"plugins":[{"type":"bridge","bridge":"b","ipam":{"ranges":[[{"subnet":"10.0.0.0/8"}]]}}]}`))
	f.Add([]byte(`{"name":"x","plugins":[{"type":"macvlan","ipam":{"subnet":"fd00::/8","gateway":"fd00::1"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseNetwork("x", data)
		if err != nil {
			return
		}
		if _, err := n.chain(chainOptions{ports: true, noRoutes: true, any4: true, any6: true}); err != nil {
			t.Skip()
		}
		for _, sub := range n.Subnets {
			if sub.Subnet.IsValid() {
				sub.ranges()
			}
		}
	})
}

// An address that is asked for may lie outside the range, and only frees its own
// family of it.
func TestChainRanges(t *testing.T) {
	s, _, _ := fakeService(t)
	four, six := pool("10.31.0.0/24"), pool("fd00:31::/64")
	four.IPRange = netip.MustParsePrefix("10.31.0.64/26")
	six.IPRange = netip.MustParsePrefix("fd00:31::100/120")
	n, err := s.Create(t.Context(), CreateOptions{Name: "a", IPAM: pools(four, six)})
	must(t, err)
	for o, want := range map[chainOptions][2]bool{ // whether a range is left
		{noRoutes: true}:         {true, true},
		{any4: true}:             {false, true},
		{any6: true}:             {true, false},
		{any4: true, any6: true}: {false, false},
	} {
		list, err := n.chain(o)
		must(t, err)
		got := [2]bool{strings.Contains(string(list.Bytes), `"rangeStart":"10.31.0.64"`), strings.Contains(string(list.Bytes), `"rangeStart":"fd00:31::100"`)}
		if got != want {
			t.Errorf("%+v: %s", o, list.Bytes)
		}
	}
}

func TestBridgeAddresses(t *testing.T) {
	mac := net.HardwareAddr{0x02, 0x42, 0xac, 0x11, 0x00, 0x02}
	four := Subnet{Subnet: netip.MustParsePrefix("10.9.0.0/24"), Gateway: netip.MustParseAddr("10.9.0.1")}
	six := Subnet{Subnet: netip.MustParsePrefix("fd00::/64"), Gateway: netip.MustParseAddr("fd00::1")}
	for _, c := range []struct {
		subnets []Subnet
		mac     net.HardwareAddr
		want    string
	}{
		{[]Subnet{four}, mac, "[10.9.0.1/24]"},
		{[]Subnet{four, six}, mac, "[10.9.0.1/24 fd00::1/64 fe80::42:acff:fe11:2/64]"},
		{[]Subnet{six}, nil, "[fd00::1/64]"},
	} {
		if got := fmt.Sprint(bridgeAddresses(&Network{Subnets: c.subnets}, c.mac)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
