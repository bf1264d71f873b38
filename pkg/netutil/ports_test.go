package netutil

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"golang.org/x/sys/unix"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// unusedPort is a port that was free a moment ago.
func unusedPort(t *testing.T) uint16 {
	t.Helper()
	p, err := freePort(PublishedPort{Protocol: network.TCP})
	must(t, err)
	return p
}

func TestReserveExcludesEverybody(t *testing.T) {
	s, _, _ := fakeService(t)
	for _, held := range []netip.Addr{{}, ip("127.0.0.1"), ip("0.0.0.0"), ip("::1"), ip("::")} {
		for _, proto := range []network.IPProtocol{network.TCP, network.UDP} {
			p := PublishedPort{HostIP: held, HostPort: unusedPort(t), ContainerPort: 80, Protocol: proto}
			res, err := s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{p})
			must(t, err)
			for _, addr := range []string{"127.0.0.1", "0.0.0.0", "::1", "::"} {
				overlap := !held.IsValid() || held.Is4() == ip(addr).Is4()
				err := listen(string(proto), addr, p.HostPort)
				if busy := errors.Is(err, unix.EADDRINUSE); busy != overlap {
					t.Errorf("%s held on %s: listening on %s gives %v", proto, held, addr, err)
				}
				q := PublishedPort{HostIP: ip(addr), HostPort: p.HostPort, ContainerPort: 1, Protocol: proto}
				other, err := s.ReservePorts(t.Context(), "other", "c2", []PublishedPort{q})
				var inUse *PortInUseError
				if overlap = p.overlaps(q); errors.As(err, &inUse) != overlap {
					t.Errorf("%s held on %s: reserving %s gives %v", proto, held, addr, err)
				}
				if overlap && (!errdefs.IsConflict(err) || inUse.Holder != "container web") {
					t.Errorf("error %v", err)
				}
				if other != nil {
					must(t, other.Close())
				}
			}
			if err := listen(string(proto), "", p.HostPort); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%s held on %s: listening everywhere gives %v", proto, held, err)
			}
			must(t, res.Close())
			must(t, s.Detach(t.Context(), "c1"))
			must(t, s.Detach(t.Context(), "c2"))
			must(t, listen(string(proto), "0.0.0.0", p.HostPort))
		}
	}
	nothingLeft(t, s)
}

// listen listens as most servers do, with SO_REUSEADDR, for a moment: on an address
// of one family, or without one on all of both.
func listen(proto, addr string, port uint16) error {
	at := net.JoinHostPort(addr, strconv.Itoa(int(port)))
	kind := ""
	if addr != "" {
		kind = map[bool]string{true: "4", false: "6"}[ip(addr).Is4()]
	}
	if proto == "udp" {
		c, err := net.ListenPacket("udp"+kind, at)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := net.Listen("tcp"+kind, at)
	if err != nil {
		return err
	}
	return l.Close()
}

func TestReserveRefusesPeers(t *testing.T) {
	s, _, _ := fakeService(t)
	res, err := s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{{ContainerPort: 80}})
	must(t, err)
	defer res.Close()
	if len(res.Ports) != 1 || res.Ports[0].HostPort == 0 || len(res.Files()) == 0 {
		t.Fatalf("reservation %+v", res)
	}
	_, err = fetchLocal(res.Ports[0].HostPort)
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("connecting gives %v", err)
	}
}

func fetchLocal(port uint16) (string, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	return "", c.Close()
}

// A server that has just stopped leaves connections in TIME_WAIT, which must not
// keep its port.
func TestReserveDespiteTimeWait(t *testing.T) {
	s, _, _ := fakeService(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	served, err := l.Accept()
	must(t, err)
	must(t, served.Close()) // the side that closes first keeps the port in TIME_WAIT
	must(t, c.Close())
	must(t, l.Close())
	res, err := s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{{HostPort: port, ContainerPort: 80}})
	must(t, err)
	if err := listen("tcp", "0.0.0.0", port); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("listening gives %v", err)
	}
	must(t, res.Close())
}

func TestReserveNamesProcess(t *testing.T) {
	s, _, _ := fakeService(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	free := unusedPort(t)
	_, err = s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{{HostPort: free, ContainerPort: 1}, {HostPort: port, ContainerPort: 80}})
	want := fmt.Sprintf("port 0.0.0.0:%d/tcp is already in use by process ", port)
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("error %v", err)
	}
	must(t, listen("tcp", "0.0.0.0", free)) // given back
	_, err = s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{{HostIP: ip("192.0.2.1"), HostPort: free, ContainerPort: 1}})
	if err == nil || !strings.Contains(err.Error(), "does not have the address 192.0.2.1") {
		t.Errorf("foreign address: %v", err)
	}
}

func TestReserveSCTP(t *testing.T) {
	s, _, _ := fakeService(t)
	p := []PublishedPort{{HostPort: 7, ContainerPort: 7, Protocol: network.SCTP}}
	res, err := s.ReservePorts(t.Context(), "web", "c1", p)
	must(t, err)
	if _, err := s.ReservePorts(t.Context(), "other", "c2", p); !errdefs.IsConflict(err) {
		t.Errorf("second: %v", err)
	}
	must(t, res.Close())
}

// The rules of a container whose companion is gone still lead the port away: as
// long as the container lives it keeps the port, and its remains are cleared.
func TestReserveAndRecords(t *testing.T) {
	s, h, plugins := fakeService(t)
	p := PublishedPort{HostPort: unusedPort(t), ContainerPort: 80, Protocol: network.TCP}
	_, err := s.NewSandbox(t.Context(), "old")
	must(t, err)
	_, err = s.Attach(t.Context(), AttachRequest{ContainerID: "old", Name: "oldie", Endpoints: []Endpoint{{Network: NetworkBridge}}, Ports: []PublishedPort{p}})
	must(t, err)
	reserve := func() error {
		res, err := s.ReservePorts(t.Context(), "web", "c1", []PublishedPort{p})
		if err == nil {
			err = res.Close()
		}
		return err
	}
	if err := reserve(); err == nil || !strings.HasSuffix(err.Error(), "by container oldie") {
		t.Errorf("maker alive: %v", err)
	}
	disown(t, s, "old")
	h.busy["old"] = true
	if err := reserve(); err == nil {
		t.Error("a running container lost its port")
	}
	h.busy["old"] = false
	plugins.took()
	must(t, reserve())
	if got := plugins.took(); len(got) != 2 {
		t.Errorf("the remains were not detached: %v", got)
	}
	must(t, s.Detach(t.Context(), "c1"))
	nothingLeft(t, s)
}

func TestReserveInParallel(t *testing.T) {
	s, _, _ := fakeService(t)
	port := unusedPort(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won, seen := 0, map[uint16]bool{}
	for i := range 16 {
		wg.Go(func() {
			id := fmt.Sprintf("c%d", i)
			res, err := New(s.cfg).ReservePorts(t.Context(), id, id, []PublishedPort{{ContainerPort: 1}, {HostPort: port, ContainerPort: 80}})
			mu.Lock()
			defer mu.Unlock()
			var busy *PortInUseError
			switch {
			case err == nil:
				won++
				t.Cleanup(func() { _ = res.Close() })
				if seen[res.Ports[0].HostPort] {
					t.Errorf("port %d given twice", res.Ports[0].HostPort)
				}
				seen[res.Ports[0].HostPort] = true
			case !errors.As(err, &busy):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d have port %d", won, port)
	}
}

func TestOverlaps(t *testing.T) {
	at := func(addr string, port uint16) PublishedPort {
		p := PublishedPort{HostPort: port}
		if addr != "" {
			p.HostIP = ip(addr)
		}
		return p
	}
	for _, c := range []struct {
		a, b PublishedPort
		want bool
	}{
		{at("", 80), at("", 80), true},
		{at("", 80), at("", 81), false},
		{at("", 80), at("::1", 80), true},
		{at("0.0.0.0", 80), at("10.0.0.1", 80), true},
		{at("0.0.0.0", 80), at("::", 80), false},
		{at("10.0.0.1", 80), at("10.0.0.2", 80), false},
		{at("10.0.0.1", 80), PublishedPort{HostIP: ip("10.0.0.1"), HostPort: 80, Protocol: "udp"}, false},
	} {
		if c.a.overlaps(c.b) != c.want || c.b.overlaps(c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
	if got := at("::1", 80).String(); got != "[::1]:80->0/tcp" {
		t.Error(got)
	}
}

const socketTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0
   1: 00000000:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0
   2: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 333 1 0
`

func TestSocketInodes(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1": "[111]", "::1": "[333]", "0.0.0.0": "[111 333]", "10.0.0.1": "[]"} {
		p := PublishedPort{HostIP: ip(addr), HostPort: 8080, Protocol: network.TCP}
		if got := fmt.Sprint(socketInodes([]byte(socketTable), p)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func FuzzSocketInodes(f *testing.F) {
	f.Add([]byte(socketTable))
	f.Fuzz(func(_ *testing.T, data []byte) { socketInodes(data, PublishedPort{HostPort: 8080}) })
}
