package container

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

func TestHostPorts(t *testing.T) {
	for text, want := range map[string][2]uint16{"": {}, "0": {}, "80": {80, 0}, "65535": {65535, 0}, "80-90": {80, 90}, "80-80": {80, 80}} {
		start, end, err := hostPorts(text)
		if err != nil || start != want[0] || end != want[1] {
			t.Errorf("%q: %d-%d, %v", text, start, end, err)
		}
	}
	for _, bad := range []string{"x", "-1", "65536", "90-80", "80-", "-", "80-65536", "1-2-3", " 80"} {
		if _, _, err := hostPorts(bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPublishedPorts(t *testing.T) {
	p80, p81, p53 := network.MustParsePort("80/tcp"), network.MustParsePort("81/tcp"), network.MustParsePort("53/udp")
	local := netip.MustParseAddr("127.0.0.1")
	c := &Container{Record: Record{
		Config: &container.Config{ExposedPorts: network.PortSet{p80: {}, p81: {}, p53: {}}},
		HostConfig: &container.HostConfig{PortBindings: network.PortMap{
			p81: {{HostPort: "8081"}, {HostIP: local, HostPort: "1-9"}},
			p53: {{}},
		}},
	}}
	bound := []netutil.PublishedPort{
		{ContainerPort: 53, Protocol: "udp"},
		{ContainerPort: 81, Protocol: "tcp", HostIP: local, HostPort: 1, HostPortEnd: 9},
		{ContainerPort: 81, Protocol: "tcp", HostPort: 8081},
	}
	for range 20 { // the order does not depend on that of a map
		got, err := publishedPorts(c)
		if err != nil || !reflect.DeepEqual(got, bound) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	c.HostConfig.PublishAllPorts = true
	got, err := publishedPorts(c)
	all := slices.Insert(slices.Clone(bound), 1, netutil.PublishedPort{ContainerPort: 80, Protocol: "tcp"})
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("with -P: %+v, %v", got, err)
	}
	c.HostConfig.PortBindings[p80] = []network.PortBinding{{HostPort: "x"}}
	if _, err := publishedPorts(c); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a bad port: %v", err)
	}
}

func TestExposedPorts(t *testing.T) {
	got, err := exposedPorts(map[string]struct{}{"80": {}, "53/udp": {}}, network.PortSet{network.MustParsePort("81/tcp"): {}, network.MustParsePort("80/tcp"): {}})
	if err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := exposedPorts(nil, nil); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
	if _, err := exposedPorts(map[string]struct{}{"x": {}}, nil); !errdefs.IsInvalidArgument(err) {
		t.Errorf("an image that exposes x: %v", err)
	}
}
