package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// records is a folder of network records, written as pkg/netutil writes them.
type records struct {
	t   *testing.T
	dir string
}

type part struct {
	network, addr, rest string // rest: more of the endpoint, as JSON
	internal, plain     bool
}

func (r records) write(id, name string, extra string, parts ...part) {
	r.t.Helper()
	var joined []string
	for _, p := range parts {
		joined = append(joined, fmt.Sprintf(`{"endpoint":{"network":%q%s},"network":{"Name":%q,"Internal":%v,"Names":%v},"result":{"ips":[{"address":%q},{"address":%q}]}}`,
			p.network, p.rest, p.network, p.internal, !p.plain, p.addr+"/24", "fd00::"+strings.ReplaceAll(p.addr, ".", ":")+"/64"))
	}
	data := fmt.Sprintf(`{"id":%q,"name":%q%s,"joined":[%s]}`, id, name, extra, strings.Join(joined, ","))
	tmp := filepath.Join(r.dir, "."+id+".tmp")
	if err := os.WriteFile(tmp, []byte(data), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(r.dir, id+".json")); err != nil {
		r.t.Fatal(err)
	}
}

func (r records) remove(id string) {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.dir, id+".json")); err != nil {
		r.t.Fatal(err)
	}
}

func newRecords(t *testing.T) records { return records{t, t.TempDir()} }

func open(t *testing.T, r records, network string) *server {
	t.Helper()
	v, err := newView(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newServer(network, v, []netip.Addr{netip.MustParseAddr("10.1.0.1")}, resolv)
}

const web, db = "aaaaaaaaaaaabbbb", "ccccccccccccdddd"

func ask(t *testing.T, s *server, from, name string, kind dnsmessage.Type) (rcode dnsmessage.RCode, answers []string, d decision) {
	t.Helper()
	q := query{id: 7, desired: true, question: dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}
	d = s.decide(q, netip.MustParseAddr(from))
	if d.forward {
		return 0, nil, d
	}
	var m dnsmessage.Message
	if err := m.Unpack(d.reply); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if m.ID != 7 || !m.Response || len(m.Questions) != 1 {
		t.Errorf("%s: header %+v", name, m.Header)
	}
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			answers = append(answers, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			answers = append(answers, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.PTRResource:
			answers = append(answers, body.PTR.String())
		}
	}
	slices.Sort(answers)
	return m.RCode, answers, d
}

func TestNames(t *testing.T) {
	r := newRecords(t)
	r.write(web, "/Web", `,"hostname":"shop"`, part{network: "n", addr: "10.1.0.2", rest: `,"aliases":["WWW","svc"],"links":["db:store"]`})
	r.write(db, "db", "", part{network: "n", addr: "10.1.0.3", rest: `,"aliases":["svc"]`}, part{network: "m", addr: "10.2.0.3"})
	r.write("eeee", "far", "", part{network: "m", addr: "10.2.0.4"})
	r.write("ffff", "inner", "", part{network: "i", addr: "10.3.0.2", internal: true})
	s := open(t, r, "n")
	for _, c := range []struct {
		from, name string
		kind       dnsmessage.Type
		want       string // answers, "forward", or a code
	}{
		{"10.1.0.3", "web.", dnsmessage.TypeA, "10.1.0.2"},
		{"10.1.0.3", "WEB.n.", dnsmessage.TypeA, "10.1.0.2"},
		{"10.1.0.3", "www.", dnsmessage.TypeA, "10.1.0.2"},
		{"10.1.0.3", "shop.", dnsmessage.TypeA, "10.1.0.2"},
		{"10.1.0.3", "aaaaaaaaaaaa.", dnsmessage.TypeA, "10.1.0.2"},
		{"10.1.0.3", "web.", dnsmessage.TypeAAAA, "fd00::10:1:0:2"},
		{"10.1.0.3", "web.", dnsmessage.TypeMX, ""},
		{"10.1.0.3", "localhost.", dnsmessage.TypeA, "127.0.0.1"},
		{"10.1.0.3", "x.LOCALHOST.", dnsmessage.TypeAAAA, "::1"},
		{"10.1.0.3", "localhost.", dnsmessage.TypeTXT, ""},
		{"10.1.0.3", "svc.", dnsmessage.TypeA, "10.1.0.2 10.1.0.3"},
		{"10.1.0.3", "store.", dnsmessage.TypeA, "forward"}, // web's link alone
		{"10.1.0.2", "store.", dnsmessage.TypeA, "10.1.0.3"},
		{"10.1.0.2", "far.", dnsmessage.TypeA, "forward"},
		{"10.1.0.3", "far.", dnsmessage.TypeA, "10.2.0.4"}, // another network of the asker
		{"10.2.0.3", "db.", dnsmessage.TypeA, "10.2.0.3"},  // m comes before n
		{"10.1.0.2", "web.m.", dnsmessage.TypeA, "forward"},
		{"10.1.0.2", "3.0.1.10.in-addr.arpa.", dnsmessage.TypePTR, "db.n."},
		{"10.1.0.2", "9.0.1.10.in-addr.arpa.", dnsmessage.TypePTR, "RCodeNameError"},
		{"10.1.0.2", "4.0.2.10.in-addr.arpa.", dnsmessage.TypePTR, "forward"},
		{"10.1.0.2", "8.8.8.8.in-addr.arpa.", dnsmessage.TypePTR, "forward"},
		{"10.1.0.2", "example.org.", dnsmessage.TypeA, "forward"},
		{"10.3.0.2", "example.org.", dnsmessage.TypeA, "RCodeServerFailure"}, // internal: nothing is asked outside
		{"10.3.0.2", "inner.", dnsmessage.TypeA, "10.3.0.2"},
		{"192.0.2.7", "web.", dnsmessage.TypeA, "RCodeRefused"}, // not a container
		{"10.1.0.1", "web.", dnsmessage.TypeA, "10.1.0.2"},      // the host
		{"10.1.0.1", "far.", dnsmessage.TypeA, "forward"},
	} {
		code, answers, d := ask(t, s, c.from, c.name, c.kind)
		got := strings.Join(answers, " ")
		switch {
		case d.forward:
			got = "forward"
		case code != dnsmessage.RCodeSuccess:
			got = code.String()
		}
		if got != c.want {
			t.Errorf("%s asks for %s %s: %q, want %q", c.from, c.kind, c.name, got, c.want)
		}
	}
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	r := newRecords(t)
	r.write(web, "web", "", part{network: "n", addr: "10.1.0.2"})
	s := open(t, r, "n")
	for i := range 50 {
		name := fmt.Sprintf("c%d", i)
		r.write(db, name, "", part{network: "n", addr: "10.1.0.3"})
		if _, got, _ := ask(t, s, "10.1.0.2", name+".", dnsmessage.TypeA); !slices.Equal(got, []string{"10.1.0.3"}) {
			t.Fatalf("%s: %v", name, got)
		}
	}
	r.write(db, "late", `,"ended":true`, part{network: "n", addr: "10.1.0.3"})
	if _, _, d := ask(t, s, "10.1.0.2", "late.", dnsmessage.TypeA); !d.forward {
		t.Error("an ended container has a name")
	}
	if !s.used() {
		t.Error("a network with containers is not used")
	}
	r.remove(db)
	r.remove(web)
	if s.used() {
		t.Error("a network without containers is used")
	}
}

func TestServersOfAContainer(t *testing.T) {
	r := newRecords(t)
	r.write(web, "web", `,"dns":["192.0.2.53"]`, part{network: "n", addr: "10.1.0.2"})
	s := open(t, r, "n")
	_, _, d := ask(t, s, "10.1.0.2", "example.org.", dnsmessage.TypeA)
	if !d.forward || len(d.servers) != 1 || d.servers[0].String() != "192.0.2.53" {
		t.Errorf("%+v", d)
	}
	if got := s.up.servers(nil); len(got) != 1 || got[0].String() != "192.0.2.1" {
		t.Errorf("the host's: %v", got)
	}
}

func TestDamagedRecords(t *testing.T) {
	r := newRecords(t)
	for i, text := range []string{"", "{", "null", "[]", `{"joined":[{}]}`, `{"joined":[{"result":{"ips":[{"address":"x"}]}}]}`} {
		if err := os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("bad%d.json", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.write(web, "web", "", part{network: "n", addr: "10.1.0.2"})
	s := open(t, r, "n")
	if _, got, _ := ask(t, s, "10.1.0.2", "web.", dnsmessage.TypeA); !slices.Equal(got, []string{"10.1.0.2"}) {
		t.Errorf("%v", got)
	}
}

// Both families, also on addresses that the host does not have yet.
func TestListen(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", "[::1]:0", "198.51.100.7:0", "[2001:db8::7]:0"} {
		for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
			f, err := listen(netip.MustParseAddrPort(text), kind)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestArgs(t *testing.T) {
	want := Config{Network: "n", Records: "/r", Lock: "/l", Addrs: []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("fd00::1")}}
	got, role, parent, err := parseArgs(want.args(roleKeep, 7))
	want.Program = got.Program
	if err != nil || role != roleKeep || parent != 7 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v %s %d %v", got, role, parent, err)
	}
	for _, bad := range [][]string{nil, {"serve"}, {"serve", "n", "/r", "/l", "x", "10.1.0.1"}, {"serve", "n", "/r", "/l", "1", "x"}} {
		if _, _, _, err := parseArgs(bad); err == nil {
			t.Errorf("%v is understood", bad)
		}
	}
}

// One resolver for a network, whoever asks for it.
func TestEnsureOnce(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "deep", "n.lock")
	f, err := tryLock(lock)
	if err != nil || f == nil {
		t.Fatal(err)
	}
	cfg := Config{Program: "/nonexistent", Lock: lock}
	if running, err := Running(cfg); !running || err != nil {
		t.Errorf("held: %v, %v", running, err)
	}
	if err := Ensure(cfg); err != nil {
		t.Errorf("a second one is started: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if running, err := Running(cfg); running || err != nil {
		t.Errorf("free: %v, %v", running, err)
	}
	if err := Ensure(cfg); err == nil {
		t.Error("a program that is not there was started")
	}
}

// A hundred containers, each asked for over real sockets.
func TestLatency(t *testing.T) {
	r := newRecords(t)
	for i := range 100 {
		r.write(fmt.Sprintf("%016d", i), fmt.Sprintf("c%d", i), "", part{network: "n", addr: fmt.Sprintf("10.1.0.%d", i+2)})
	}
	s := open(t, r, "n")
	s.own = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go s.serveUDP(t.Context(), pc)
	c, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var took []time.Duration
	buf := make([]byte, 1500)
	for i := range 500 {
		msg := pack(t, fmt.Sprintf("c%d.", i%100), uint16(i))
		begin := time.Now()
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Read(buf)
		if err != nil || n < headerSize || buf[7] != 1 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Logf("median %v, 99th percentile %v", took[len(took)/2], took[len(took)*99/100])
}

func pack(t testing.TB, name string, id uint16) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
