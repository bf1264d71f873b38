package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestReverseName(t *testing.T) {
	for name, want := range map[string]string{
		"4.3.2.1.in-addr.arpa.": "1.2.3.4",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.IP6.arpa.": "2001:db8::1",
		"4.3.2.1.in-addr.arpa":    "1.2.3.4",
		"3.2.1.in-addr.arpa.":     "",
		"256.3.2.1.in-addr.arpa.": "",
		"-1.3.2.1.in-addr.arpa.":  "",
		"1.2.3.4.":                "",
		"in-addr.arpa.":           "",
		"1.0.8.b.d.0.ip6.arpa.":   "",
		"10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.": "",
	} {
		got, ok := reverseName(name)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

func TestParseQuery(t *testing.T) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 9, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	plain, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var opt dnsmessage.ResourceHeader
	if err := opt.SetEDNS0(4096, 0, false); err != nil {
		t.Fatal(err)
	}
	m.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	edns, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m.Questions = append(m.Questions, m.Questions[0])
	two, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := slices.Clone(plain)
	answer[2] |= 0x80
	update := slices.Clone(plain)
	update[2] |= 5 << 3
	for _, c := range []struct {
		name  string
		msg   []byte
		ok    bool
		code  dnsmessage.RCode
		reply bool
		size  int
	}{
		{"plain", plain, true, 0, false, plainSize},
		{"edns", edns, true, 0, false, ednsSize},
		{"an answer", answer, false, 0, false, 0},
		{"update", update, false, dnsmessage.RCodeNotImplemented, true, 0},
		{"two questions", two, false, dnsmessage.RCodeFormatError, true, 0},
		{"cut", plain[:14], false, dnsmessage.RCodeFormatError, true, 0},
		{"nothing", nil, false, 0, false, 0},
		{"junk", []byte("junk"), false, 0, false, 0},
	} {
		q, reply, ok := parseQuery(c.msg, false)
		if ok != c.ok || (reply != nil) != c.reply || ok && q.size != c.size {
			t.Errorf("%s: %+v, reply %v, %v", c.name, q, reply, ok)
		}
		if reply != nil && dnsmessage.RCode(reply[3]&15) != c.code {
			t.Errorf("%s: code %d", c.name, reply[3]&15)
		}
	}
	if q, _, _ := parseQuery(plain, true); q.size != maxSize {
		t.Errorf("tcp: %d", q.size)
	}
}

// An answer that does not fit says so, and the client asks again by TCP.
func TestTruncation(t *testing.T) {
	var addrs []netip.Addr
	for i := range 100 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	q := query{id: 1, question: dnsmessage.Question{Name: dnsmessage.MustNewName("svc."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}, size: plainSize}
	for _, c := range []struct {
		size, answers int
		truncated     bool
	}{{plainSize, 0, true}, {maxSize, 100, false}} {
		q.size = c.size
		var m dnsmessage.Message
		if err := m.Unpack(q.answer(dnsmessage.RCodeSuccess, shuffled(addrs))); err != nil {
			t.Fatal(err)
		}
		if m.Truncated != c.truncated || len(m.Answers) != c.answers {
			t.Errorf("size %d: truncated %v, %d answers", c.size, m.Truncated, len(m.Answers))
		}
	}
}

func TestParseServers(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.1.0.1")}
	for text, want := range map[string]string{
		"nameserver 192.0.2.1\nnameserver 192.0.2.1\n": "[192.0.2.1]",
		"# x\nsearch a\nnameserver 127.0.0.53\n":       "[127.0.0.53]",
		"nameserver fe80::1%eth0\nnameserver ::1":      "[fe80::1%eth0 ::1]",
		"nameserver 10.1.0.1\nnameserver 192.0.2.2":    "[192.0.2.2]",
		"nameserver nonsense":                          "[8.8.8.8 8.8.4.4]",
		"":                                             "[8.8.8.8 8.8.4.4]",
	} {
		if got := fmt.Sprint(parseServers(text, own)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add(pack(f, "web.", 1))
	f.Add([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, tcp := range []bool{false, true} {
			q, reply, ok := parseQuery(msg, tcp)
			if ok && reply != nil {
				t.Fatal("both a question and a reply")
			}
			if !ok {
				continue
			}
			var m dnsmessage.Message
			if err := m.Unpack(q.answer(dnsmessage.RCodeSuccess, []any{netip.AddrFrom4([4]byte{1, 2, 3, 4})})); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReverseName(f *testing.F) {
	f.Add("4.3.2.1.in-addr.arpa.")
	f.Add("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.")
	f.Fuzz(func(t *testing.T, name string) {
		if a, ok := reverseName(name); ok && !a.IsValid() {
			t.Fatalf("%q: %v", name, a)
		}
	})
}
