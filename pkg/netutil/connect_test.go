package netutil

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/pkg/types"
)

// several makes networks and a container on the first of them.
func several(t *testing.T, names ...string) (*Service, *fakeHost, *fakePlugins) {
	t.Helper()
	s, h, plugins := fakeService(t)
	for i, name := range names {
		_, err := s.Create(t.Context(), CreateOptions{
			Name: name, Internal: strings.HasPrefix(name, "internal"),
			IPAM: pools(pool(fmt.Sprintf("10.%d.0.0/24", 20+i))),
		})
		must(t, err)
	}
	_, err := s.NewSandbox(t.Context(), "c1")
	must(t, err)
	return s, h, plugins
}

func TestConnectDisconnect(t *testing.T) {
	s, h, plugins := several(t, "b", "a", "internal")
	req := request("c1")
	req.Endpoints = []Endpoint{{Network: "b"}}
	_, err := s.Attach(t.Context(), req)
	must(t, err)
	plugins.took()
	att, err := s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "a"}}})
	must(t, err)
	if got := plugins.took(); !slices.Equal(got, []string{"ADD bridge eth1"}) || len(att.Networks) != 2 {
		t.Errorf("%v, %v", got, att.Networks)
	}
	if len(h.routes) != 1 || h.routes[0].dev != "eth1" { // a comes before b
		t.Errorf("routes %v", h.routes)
	}
	if _, err = s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "a"}}}); err == nil || !strings.Contains(err.Error(), "already exists in network a") {
		t.Errorf("twice: %v", err)
	}
	if _, err = s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "internal", GwPriority: 9}}}); err != nil || h.routes[0].dev != "eth1" {
		t.Errorf("internal: %v, %v", h.routes, err)
	}
	// The order in which they were joined is of no account for a restart.
	req.Endpoints = []Endpoint{{Network: "internal", GwPriority: 9}, {Network: "a"}, {Network: "b"}}
	plugins.took()
	if _, err = s.Attach(t.Context(), req); err != nil || len(plugins.took()) != 0 {
		t.Errorf("the same wiring was made anew, %v", err)
	}
	att, err = s.Disconnect(t.Context(), "c1", "a")
	if err != nil || len(att.Networks) != 2 || h.routes[0].dev != "eth0" {
		t.Errorf("%+v, %v, %v", att, h.routes, err)
	}
	if _, err = s.Disconnect(t.Context(), "c1", "a"); err == nil || !strings.Contains(err.Error(), "is not connected to network a") {
		t.Errorf("twice: %v", err)
	}
	must(t, s.Detach(t.Context(), "c1"))
}

// A connection that fails leaves the container as it was.
func TestConnectFails(t *testing.T) {
	s, _, plugins := several(t, "a", "b")
	req := request("c1")
	req.Endpoints = []Endpoint{{Network: "a"}}
	_, err := s.Attach(t.Context(), req)
	must(t, err)
	plugins.before = func(call string) error {
		if call == "ADD bridge eth1" {
			return fmt.Errorf("no")
		}
		return nil
	}
	if _, err = s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "b"}}}); err == nil {
		t.Fatal("it did not fail")
	}
	rec, err := s.load("c1")
	if err != nil || len(rec.Joined) != 1 || !rec.complete() {
		t.Errorf("%+v, %v", rec, err)
	}
}

// What a killed connect left is taken back by the next, and by a repair.
func TestConnectKilled(t *testing.T) {
	s, _, plugins := several(t, "a", "b")
	req := request("c1")
	req.Endpoints = []Endpoint{{Network: "a"}}
	_, err := s.Attach(t.Context(), req)
	must(t, err)
	leave := func() {
		_, err := s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "b"}}})
		must(t, err)
		rec, err := s.load("c1")
		must(t, err)
		rec.Joined[1].Result = nil
		must(t, s.save(rec))
	}
	leave()
	plugins.took()
	_, err = s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "b"}}})
	if got := plugins.took(); err != nil || !slices.Equal(got, []string{"DEL bridge eth1", "ADD bridge eth1"}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = s.Disconnect(t.Context(), "c1", "b")
	must(t, err)
	leave()
	if got := repairOnce(t, s, func(string) bool { return true }, false); !slices.Contains(got, "endpoint c1") {
		t.Errorf("findings %v", got)
	}
	if rec, err := s.load("c1"); err != nil || len(rec.Joined) != 1 {
		t.Errorf("%+v, %v", rec, err)
	}
}

// A disconnect that is killed when the interface may be gone already: the endpoint
// counts no more, and whatever comes next does the rest.
func TestDisconnectKilled(t *testing.T) {
	for name, next := range map[string]func(s *Service) error{
		"again":       func(s *Service) error { _, err := s.Disconnect(t.Context(), "c1", "a"); return err },
		"another one": func(s *Service) error { _, err := s.Disconnect(t.Context(), "c1", "b"); return err },
		"repair":      func(s *Service) error { repairOnce(t, s, func(string) bool { return true }, false); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, h, plugins := several(t, "a", "b", "c")
			req := request("c1", PublishedPort{HostPort: 8080, ContainerPort: 80})
			req.Endpoints = []Endpoint{{Network: "a"}, {Network: "b"}, {Network: "c"}}
			_, err := s.Attach(t.Context(), req)
			must(t, err)
			plugins.before = func(string) error { return errors.New("killed") }
			if _, err := s.Disconnect(t.Context(), "c1", "a"); err == nil {
				t.Fatal("it was not killed")
			}
			plugins.before = nil
			must(t, next(s))
			rec, err := s.load("c1")
			if err != nil || !rec.complete() || rec.endpoint(&Network{Name: "a"}) != nil {
				t.Errorf("%+v, %v", rec, err)
			}
			want := map[bool]string{false: "eth1", true: "eth2"}[name == "another one"]
			if len(h.routes) != 1 || h.routes[0].dev != want {
				t.Errorf("routes %v, not by %s", h.routes, want)
			}
			if got := plugins.took(); got[len(got)-1] != "ADD portmap "+want {
				t.Errorf("%v", got)
			}
		})
	}
}

// An address of a container that has just ended is waited for, not refused.
func TestExhaustionWaitsForEnded(t *testing.T) {
	s, _, plugins := several(t, "small")
	req := request("c1")
	req.Endpoints = []Endpoint{{Network: "small"}}
	_, err := s.Attach(t.Context(), req)
	must(t, err)
	must(t, s.Retire(t.Context(), "c1"))
	l, err := s.lock(t.Context(), "c1") // its companion is at it
	must(t, err)
	full := true
	plugins.before = func(call string) error {
		if strings.HasPrefix(call, "ADD") && full {
			full = false
			go func() { _ = errors.Join(s.detachLocked(t.Context(), "c1"), l.Remove()) }()
			return &types.Error{Msg: "no IP addresses available in range set: x"}
		}
		return nil
	}
	_, err = s.NewSandbox(t.Context(), "c2")
	must(t, err)
	req.ContainerID = "c2"
	if _, err := s.Attach(t.Context(), req); err != nil {
		t.Errorf("the address was not waited for: %v", err)
	}
}

func TestPortsFollow(t *testing.T) {
	s, _, plugins := several(t, "b", "a", "internal")
	req := request("c1", PublishedPort{HostPort: 8080, ContainerPort: 80})
	req.Endpoints = []Endpoint{{Network: "internal"}, {Network: "b"}, {Network: "a"}}
	att, err := s.Attach(t.Context(), req)
	must(t, err)
	if got := plugins.took(); !slices.Equal(got, []string{"ADD bridge eth0", "ADD bridge eth1", "ADD bridge eth2", "ADD portmap eth2"}) {
		t.Errorf("%v", got)
	}
	if att.PortsTo != att.Networks["a"].IPAddress {
		t.Errorf("ports lead to %s", att.PortsTo)
	}
	att, err = s.Disconnect(t.Context(), "c1", "a")
	must(t, err)
	if got := plugins.took(); !slices.Equal(got, []string{"DEL portmap eth2", "DEL bridge eth2", "ADD portmap eth1"}) || att.PortsTo != att.Networks["b"].IPAddress {
		t.Errorf("%v, to %s", got, att.PortsTo)
	}
	// They come back with the next network that can have them.
	_, err = s.Disconnect(t.Context(), "c1", "b")
	must(t, err)
	plugins.took()
	att, err = s.Connect(t.Context(), AttachRequest{ContainerID: "c1", Endpoints: []Endpoint{{Network: "a"}}})
	must(t, err)
	if got := plugins.took(); !slices.Equal(got, []string{"ADD bridge eth1", "ADD portmap eth1"}) || att.PortsTo != att.Networks["a"].IPAddress {
		t.Errorf("%v, to %s", got, att.PortsTo)
	}
	must(t, s.Detach(t.Context(), "c1"))
	if got := plugins.took(); !slices.Contains(got, "DEL portmap eth1") {
		t.Errorf("%v", got)
	}
	// Only networks that cannot publish: said, and nothing is left.
	_, err = s.NewSandbox(t.Context(), "c1")
	must(t, err)
	req.Endpoints = req.Endpoints[:1]
	if _, err := s.Attach(t.Context(), req); err == nil || !strings.Contains(err.Error(), "it is internal") {
		t.Errorf("internal: %v", err)
	}
}

func TestCheckEndpoint(t *testing.T) {
	s, _, _ := several(t, "own")
	_, err := s.Create(t.Context(), CreateOptions{Name: "auto"})
	must(t, err)
	addr := netip.MustParseAddr
	for _, c := range []struct {
		ep   Endpoint
		want string // empty: fine
	}{
		{Endpoint{Network: "own", IPv4: addr("10.20.0.9"), MAC: "02:00:00:00:00:01", Aliases: []string{"db", "db.local"}}, ""},
		{Endpoint{Network: "own", LinkLocal: []netip.Addr{addr("169.254.1.1"), addr("fe80::1")}}, ""},
		{Endpoint{Network: "own", Opts: map[string]string{optSysctls: "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.ifname.mtu=1400"}}, ""},
		{Endpoint{Network: "nope"}, "network nope not found"},
		{Endpoint{Network: "bridge", IPv4: addr("172.17.0.9")}, "user defined networks only"},
		{Endpoint{Network: "bridge", Aliases: []string{"x"}}, "network-scoped alias"},
		{Endpoint{Network: "auto", IPv4: addr("172.18.0.9")}, "user configured subnets"},
		{Endpoint{Network: "own", IPv4: addr("10.99.0.9")}, "no configured subnet or ip-range contain the IP address 10.99.0.9"},
		{Endpoint{Network: "own", IPv4: addr("10.20.0.1")}, "Address already in use"},
		{Endpoint{Network: "own", IPv4: addr("10.20.0.255")}, "Address already in use"},
		{Endpoint{Network: "own", MAC: "x"}, "not a valid mac address"},
		{Endpoint{Network: "own", MAC: "01:00:00:00:00:01"}, "not a valid mac address"}, // multicast
		{Endpoint{Network: "own", Aliases: []string{"a b"}}, "no name that can be resolved"},
		{Endpoint{Network: "own", Aliases: []string{""}}, "no name that can be resolved"},
		{Endpoint{Network: "own", LinkLocal: []netip.Addr{addr("10.0.0.1")}}, "not a link-local address"},
		{Endpoint{Network: "own", Opts: map[string]string{"x": "y"}}, `unknown driver option "x"`},
		{Endpoint{Network: "own", Opts: map[string]string{optSysctls: "kernel.x=1"}}, "invalid sysctl"},
		{Endpoint{Network: "own", Opts: map[string]string{optSysctls: "net.ipv4.conf.../../x.IFNAME.y=1"}}, "invalid sysctl"},
		{Endpoint{Network: "own", Opts: map[string]string{optIfName: "a/b"}}, "invalid interface name"},
	} {
		_, err := s.CheckEndpoint(t.Context(), c.ep)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.ep, err, c.want)
		}
	}
	if _, err := s.CheckEndpoint(t.Context(), Endpoint{Network: "nope"}); !errdefs.IsNotFound(err) {
		t.Errorf("kind of %v", err)
	}
}
