package netutil

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
)

func TestResolvConf(t *testing.T) {
	const host = "# made by hand\nnameserver 127.0.0.1\nnameserver 10.0.0.53\nnameserver ::1\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\ndomain old.org\nsearch a.org b.org\noptions ndots:2\noptions edns0\n"
	for _, c := range []struct {
		name, host      string
		dns             []netip.Addr
		search, options []string
		want            string
	}{
		{"host's", host, nil, nil, nil, "nameserver 10.0.0.53\nsearch a.org b.org\noptions ndots:2 edns0\n"},
		{"none usable", "nameserver 127.0.0.53\nsearch lan\n", nil, nil, nil, "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch lan\n"},
		{"empty", "", nil, nil, nil, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"given", host, []netip.Addr{ip("127.0.0.1"), ip("2001:db8::2")}, []string{"x.org"}, []string{"timeout:1"}, "nameserver 127.0.0.1\nnameserver 2001:db8::2\nsearch x.org\noptions timeout:1\n"},
		{"no search", host, nil, []string{"."}, nil, "nameserver 10.0.0.53\noptions ndots:2 edns0\n"},
		{"domain", "nameserver 1.1.1.1\ndomain d.org extra\n", nil, nil, nil, "nameserver 1.1.1.1\nsearch d.org\n"},
	} {
		got, err := ResolvConf([]byte(c.host), c.dns, c.search, c.options)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, bad := range []string{"a b", "a\nnameserver 6.6.6.6", ""} {
		if _, err := ResolvConf(nil, nil, []string{bad}, nil); !errdefs.IsInvalidArgument(err) {
			t.Errorf("search %q: %v", bad, err)
		}
		if _, err := ResolvConf(nil, nil, nil, []string{bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("option %q: %v", bad, err)
		}
	}
}

func TestHostResolvConf(t *testing.T) {
	dir := t.TempDir()
	etc, systemd := filepath.Join(dir, "etc"), filepath.Join(dir, "systemd")
	read := func() string {
		data, err := hostResolvConf(etc, systemd)
		must(t, err)
		return string(data)
	}
	if got := read(); got != "" {
		t.Errorf("none: %q", got)
	}
	must(t, os.WriteFile(etc, []byte("nameserver 127.0.0.53\n"), 0o600))
	if got := read(); got != "nameserver 127.0.0.53\n" {
		t.Errorf("stub alone: %q", got)
	}
	must(t, os.WriteFile(systemd, []byte("nameserver 10.0.0.1\n"), 0o600))
	if got := read(); got != "nameserver 10.0.0.1\n" {
		t.Errorf("stub: %q", got)
	}
	must(t, os.WriteFile(etc, []byte("nameserver 127.0.0.53\nnameserver 9.9.9.9\n"), 0o600))
	if got := read(); !strings.Contains(got, "9.9.9.9") {
		t.Errorf("stub and more: %q", got)
	}
}

func TestHosts(t *testing.T) {
	const local = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	for _, c := range []struct {
		host, domain string
		addrs        []netip.Addr
		extra        []string
		want         string
	}{
		{"web", "", []netip.Addr{ip("172.17.0.2")}, nil, "172.17.0.2\tweb\n"},
		{"web", "ex.org", []netip.Addr{ip("172.17.0.2"), ip("fd00::2")}, nil, "172.17.0.2\tweb.ex.org web\nfd00::2\tweb.ex.org web\n"},
		{"web.ex.org", "", []netip.Addr{ip("172.17.0.2")}, []string{"db:10.0.0.1", "six:::1", "br=[fd00::1]", "eq=10.0.0.2"}, "10.0.0.1\tdb\n::1\tsix\nfd00::1\tbr\n10.0.0.2\teq\n172.17.0.2\tweb.ex.org web\n"},
		{"", "", nil, nil, ""},
	} {
		got, err := Hosts(c.host, c.domain, c.addrs, c.extra)
		if err != nil || string(got) != local+c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	for _, bad := range []string{"db", "db:", ":1.2.3.4", "db:host-gateway", "a b:1.2.3.4", "a\n6.6.6.6 x:1.2.3.4"} {
		if _, err := Hosts("h", "", nil, []string{bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Hosts("h\n6.6.6.6 bank", "", []netip.Addr{ip("1.2.3.4")}, nil); !errdefs.IsInvalidArgument(err) {
		t.Errorf("host name of two lines: %v", err)
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 1.1.1.1\nsearch a b\noptions x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ResolvConf(data, nil, nil, nil)
		if err != nil {
			return
		}
		again, err := ResolvConf(got, nil, nil, nil)
		if err != nil || string(again) != string(got) {
			t.Errorf("%q becomes %q, then %q, %v", data, got, again, err)
		}
	})
}

func FuzzHosts(f *testing.F) {
	f.Add("h", "d", "a:1.2.3.4")
	f.Fuzz(func(t *testing.T, host, domain, extra string) {
		got, err := Hosts(host, domain, []netip.Addr{ip("1.2.3.4")}, []string{extra})
		if lines := strings.Count(string(got), "\n"); err == nil && lines != 7 && lines != 8 {
			t.Errorf("%d lines from %q %q %q", lines, host, domain, extra)
		}
	})
}

func TestResolvConfNames(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.2.0.1"), netip.MustParseAddr("10.3.0.1"), netip.MustParseAddr("10.4.0.1")}
	host := []byte("nameserver 192.0.2.1\nsearch corp.example\noptions edns0\n")
	for _, c := range []struct {
		search, options []string
		want            string
	}{
		{nil, nil, "nameserver 10.1.0.1\nnameserver 10.2.0.1\nnameserver 10.3.0.1\nsearch corp.example\noptions edns0 ndots:0\n"},
		{[]string{"."}, []string{"ndots:2"}, "nameserver 10.1.0.1\nnameserver 10.2.0.1\nnameserver 10.3.0.1\noptions ndots:2\n"},
	} {
		got, err := ResolvConfNames(host, addrs, c.search, c.options)
		if err != nil || string(got) != c.want {
			t.Errorf("%v %v:\n%s%v", c.search, c.options, got, err)
		}
	}
}

func TestHostsLinks(t *testing.T) {
	got, err := Hosts("web", "", []netip.Addr{netip.MustParseAddr("172.17.0.3")}, nil, HostsEntry{netip.MustParseAddr("172.17.0.9"), []string{"store", "db"}})
	if err != nil || !strings.HasSuffix(string(got), "\n172.17.0.9\tstore db\n172.17.0.3\tweb\n") {
		t.Errorf("%s%v", got, err)
	}
}
