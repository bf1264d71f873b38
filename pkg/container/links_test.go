package container

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

func TestSplitLink(t *testing.T) {
	for text, want := range map[string][2]string{
		"db":             {"db", "db"},
		"db:store":       {"db", "store"},
		"/db:/web/store": {"db", "store"},
		"db:":            {"db", "db"},
	} {
		if name, alias := splitLink(text); name != want[0] || alias != want[1] {
			t.Errorf("%q: %q, %q", text, name, alias)
		}
	}
}

func TestLinkVariables(t *testing.T) {
	to := &Container{Record: Record{
		Name: "db", ID: "0123456789abcdef", HostConfig: &container.HostConfig{},
		Config: &container.Config{
			Hostname: "dbhost", Env: []string{"PASS=x", "HOME=/root", "PATH=/bin", "EMPTY"},
			ExposedPorts: network.PortSet{network.MustParsePort("5432/tcp"): {}, network.MustParsePort("53/udp"): {}},
		},
	}}
	to.Status.Networks = map[string]*network.EndpointSettings{"bridge": {IPAddress: netip.MustParseAddr("172.17.0.9")}}
	l := link{"my-db", to}
	got := l.variables("web")
	want := []string{
		"MY_DB_NAME=/web/my-db",
		"MY_DB_PORT=udp://172.17.0.9:53",
		"MY_DB_PORT_53_UDP=udp://172.17.0.9:53", "MY_DB_PORT_53_UDP_ADDR=172.17.0.9", "MY_DB_PORT_53_UDP_PORT=53", "MY_DB_PORT_53_UDP_PROTO=udp",
		"MY_DB_PORT_5432_TCP=tcp://172.17.0.9:5432", "MY_DB_PORT_5432_TCP_ADDR=172.17.0.9", "MY_DB_PORT_5432_TCP_PORT=5432", "MY_DB_PORT_5432_TCP_PROTO=tcp",
		"MY_DB_ENV_PASS=x",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if lines := hostsLines([]link{l}); len(lines) != 1 || !slices.Equal(lines[0].Names, []string{"my-db", "dbhost", "db"}) {
		t.Errorf("hosts %v", lines)
	}
	to.Status.Networks = nil
	if lines := hostsLines([]link{l}); len(lines) != 0 {
		t.Errorf("without an address: %v", lines)
	}
}

func TestAskedNetworks(t *testing.T) {
	c := &Container{Record: Record{Name: "web", ID: "0123456789abcdef", Config: &container.Config{Hostname: "shop"}, HostConfig: &container.HostConfig{NetworkMode: "bridge"}}}
	if got := c.asked(); len(got) != 1 || got["bridge"] == nil {
		t.Errorf("the mode's alone: %v", got)
	}
	c.Networks = map[string]*network.EndpointSettings{} // disconnected from all
	if got := c.asked(); len(got) != 0 {
		t.Errorf("none: %v", got)
	}
	c.Networks = map[string]*network.EndpointSettings{"own": {Aliases: []string{"www", "shop"}, DriverOpts: map[string]string{"k": "v"}}}
	got := c.endpointSettings(map[string]*network.EndpointSettings{"own": {NetworkID: "n"}})["own"]
	if got.NetworkID != "n" || got.DriverOpts["k"] != "v" || !slices.Equal(got.DNSNames, []string{"web", "www", "shop", "0123456789ab"}) {
		t.Errorf("%+v", got)
	}
}

func TestSharedNamespace(t *testing.T) {
	for mode, want := range map[container.NetworkMode]string{"ns:/proc/1/ns/net": "/proc/1/ns/net", "bridge": "", "ns:": "", "nsx": ""} {
		if got := sharedNamespace(mode); got != want {
			t.Errorf("%s: %q", mode, got)
		}
	}
	for mode, want := range map[container.NetworkMode]string{"ns:/proc/self/ns/net": "", "ns:/nonexistent": "no such file", "ns:": "ns:PATH is expected", "web": ""} {
		err := checkNamespace(&container.HostConfig{NetworkMode: mode})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	err := checkNamespace(&container.HostConfig{NetworkMode: "ns:/proc/self/ns/net", PublishAllPorts: true})
	if err == nil || !strings.Contains(err.Error(), "port publishing") {
		t.Errorf("ports: %v", err)
	}
}
