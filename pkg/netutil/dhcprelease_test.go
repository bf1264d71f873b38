package netutil

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
)

func testLease() dhcpLease {
	return dhcpLease{addr: netip.MustParseAddr("192.0.2.9"), mac: net.HardwareAddr{2, 0, 0, 0, 0, 7}, client: []byte("\x00c1/lan/eth0")}
}

// answer is what a server says to a request.
func answer(l dhcpLease, options string) []byte {
	m := l.message(dhcpRequest, 7, netip.Addr{})[:dhcpFixed+4]
	m[0] = 2
	copy(m[16:20], l.addr.AsSlice())
	return append(m, options...)
}

func TestDHCPMessage(t *testing.T) {
	l := testLease()
	m := l.message(dhcpRelease, 0x01020304, netip.MustParseAddr("192.0.2.1"))
	want := "\x63\x82\x53\x63" + "\x35\x01\x07" + "\x3d\x0c\x00c1/lan/eth0" + "\x36\x04\xc0\x00\x02\x01" + "\xff"
	if got := string(m[dhcpFixed:]); got != want {
		t.Errorf("options %q, want %q", got, want)
	}
	if got := string(m[:8]); got != "\x01\x01\x06\x00\x01\x02\x03\x04" {
		t.Errorf("begins with %q", got)
	}
	if string(m[12:16]) != "\xc0\x00\x02\x09" || string(m[28:34]) != "\x02\x00\x00\x00\x00\x07" {
		t.Errorf("addresses %q", m[:34])
	}
}

func TestDHCPAcknowledged(t *testing.T) {
	l := testLease()
	for options, want := range map[string]string{
		"\x35\x01\x05\x36\x04\xc0\x00\x02\x01\xff":                 "192.0.2.1",
		"\x00\x00\x36\x04\xc0\x00\x02\x01\x33\x01\x00\x35\x01\x05": "192.0.2.1", // padding, another option, no end
		"\x35\x01\x06\x36\x04\xc0\x00\x02\x01\xff":                 "",          // refused
		"\x35\x01\x05\xff\x36\x04\xc0\x00\x02\x01":                 "",          // after the end
		"\x35\x01\x05\x36\x04\xc0\x00":                             "",          // cut off
		"\x35\x01\x05\x36":                                         "",
		"\x35\x01\x05\x36\x00\xff":                                 "", // empty
		"":                                                         "",
	} {
		got, err := l.acknowledged(answer(l, options), 7)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %s, %v", options, got, err)
		}
	}
	good := answer(l, "\x35\x01\x05\x36\x04\xc0\x00\x02\x01\xff")
	if _, err := l.acknowledged(good, 8); err == nil {
		t.Error("took the answer to another request")
	}
	l.addr = l.addr.Next()
	if _, err := l.acknowledged(good, 7); err == nil {
		t.Error("took an answer about another address")
	}
}

func FuzzDHCPAcknowledged(f *testing.F) {
	l := testLease()
	f.Add(answer(l, "\x35\x01\x05\x36\x04\xc0\x00\x02\x01\xff"))
	f.Add(answer(l, "\x35\x01\x05\x36\xff"))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, m []byte) {
		if server, err := l.acknowledged(m, 7); err == nil && !server.Is4() {
			t.Errorf("%q: %s", m, server)
		}
	})
}

func TestReleaseDHCP(t *testing.T) {
	s, h, _ := fakeService(t)
	result := json.RawMessage(`{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","mac":"02:00:00:00:00:07","sandbox":"/n"}],"ips":[{"address":"192.0.2.9/24","interface":0}]}`)
	rt := &libcni.RuntimeConf{ContainerID: "c1", IfName: "eth0", NetNS: "/n"}
	list := func(ipam string) *libcni.NetworkConfigList {
		l, err := libcni.ConfListFromBytes([]byte(`{"cniVersion":"1.0.0","name":"lan","plugins":[{"type":"macvlan","ipam":{"type":"` + ipam + `"}}]}`))
		must(t, err)
		return l
	}
	s.releaseDHCP(t.Context(), list("host-local"), rt, result)
	s.releaseDHCP(t.Context(), list("dhcp"), rt, nil)
	s.releaseDHCP(t.Context(), list("dhcp"), &libcni.RuntimeConf{ContainerID: "c1", IfName: "eth0"}, result)
	if len(h.released) > 0 {
		t.Errorf("released %v", h.released)
	}
	s.releaseDHCP(t.Context(), list("dhcp"), rt, result)
	rt.ContainerID = strings.Repeat("x", 300)
	s.releaseDHCP(t.Context(), list("dhcp"), rt, result)
	if len(h.released) != 2 || h.released[0] != `eth0 192.0.2.9 02:00:00:00:00:07 "\x00c1/lan/eth0"` {
		t.Fatalf("released %v", h.released)
	}
	if !strings.HasSuffix(h.released[1], ` "\x00`+strings.Repeat("x", 254)+`"`) {
		t.Errorf("a long id: %s", h.released[1])
	}
}
