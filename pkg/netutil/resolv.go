package netutil

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

// Where the host keeps its name servers.
const (
	etcResolvConf     = "/etc/resolv.conf"
	systemdResolvConf = "/run/systemd/resolve/resolv.conf"
)

// HostResolvConf is the host's resolver configuration as a container can use
// it: where /etc/resolv.conf only points at systemd-resolved's local stub, the
// file in which that keeps the real servers. A host without any has an empty one.
func HostResolvConf() ([]byte, error) { return hostResolvConf(etcResolvConf, systemdResolvConf) }

func hostResolvConf(etc, systemd string) ([]byte, error) {
	data, err := os.ReadFile(etc)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	servers := parseResolv(data).servers
	if len(servers) == 1 && servers[0] == "127.0.0.53" {
		if upstream, err := os.ReadFile(systemd); err == nil {
			return upstream, nil
		}
	}
	return data, nil
}

// ResolvConf is the resolv.conf of a container with a network of its own, by
// Docker's rules. Servers, search domains and options that are given replace the
// host's; a search domain of "." means none. Of the host's servers those stay
// that can be reached from inside: no loopback, and, as on Docker's bridge, no
// IPv6. If none is left, Google's are used.
func ResolvConf(host []byte, dns []netip.Addr, search, options []string) ([]byte, error) {
	conf := parseResolv(host)
	var servers []string
	for _, a := range dns {
		if !a.IsValid() {
			return nil, fmt.Errorf("a name server has no address: %w", errdefs.ErrInvalidArgument)
		}
		servers = append(servers, a.String())
	}
	if len(dns) == 0 {
		for _, s := range conf.servers {
			if a, err := netip.ParseAddr(s); err == nil && a.Is4() && !a.IsLoopback() {
				servers = append(servers, s)
			}
		}
		if len(servers) == 0 {
			servers = []string{"8.8.8.8", "8.8.4.4"}
		}
	}
	if len(search) == 0 {
		search = conf.search
	}
	if slices.Equal(search, []string{"."}) {
		search = nil
	}
	if len(options) == 0 {
		options = conf.options
	}
	for _, word := range slices.Concat(search, options) {
		if word == "" || strings.ContainsAny(word, " \t\r\n") {
			return nil, fmt.Errorf("%q is neither a search domain nor a resolver option: %w", word, errdefs.ErrInvalidArgument)
		}
	}
	var b strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	if len(options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(options, " "))
	}
	return []byte(b.String()), nil
}

// maxServers is how many name servers a C library looks at.
const maxServers = 3

// ResolvConfNames is the resolv.conf of a container that asks nerd's resolver. As
// on Docker's user networks a name without a dot is asked for as it is, unless an
// option says otherwise.
func ResolvConfNames(host []byte, servers []netip.Addr, search, options []string) ([]byte, error) {
	if len(options) == 0 {
		options = parseResolv(host).options
	}
	if !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
		options = append(slices.Clone(options), "ndots:0")
	}
	return ResolvConf(host, servers[:min(len(servers), maxServers)], search, options)
}

type resolv struct{ servers, search, options []string }

// parseResolv reads resolv.conf as the C library does: the last search or domain
// line counts, options add up.
func parseResolv(data []byte) resolv {
	var r resolv
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0][0] == '#' || f[0][0] == ';' {
			continue
		}
		switch f[0] {
		case "nameserver":
			r.servers = append(r.servers, f[1])
		case "search":
			r.search = f[1:]
		case "domain":
			r.search = f[1:2]
		case "options":
			r.options = append(r.options, f[1:]...)
		}
	}
	return r
}

// splitHost takes HOST:IP or HOST=IP apart, with or without brackets around IPv6.
func splitHost(e string) (name, addr string, err error) {
	i := strings.IndexAny(e, ":=")
	if i <= 0 {
		return "", "", fmt.Errorf("extra host %q is not HOST:IP: %w", e, errdefs.ErrInvalidArgument)
	}
	name, addr = e[:i], e[i+1:]
	if strings.HasPrefix(addr, "[") && strings.HasSuffix(addr, "]") {
		addr = addr[1 : len(addr)-1]
	}
	if strings.ContainsAny(name, " \t\r\n#") {
		return "", "", fmt.Errorf("extra host %q: %q is no host name: %w", e, name, errdefs.ErrInvalidArgument)
	}
	return name, addr, nil
}

// HostsEntry is one line of a hosts file.
type HostsEntry struct {
	Addr  netip.Addr
	Names []string
}

// Hosts is /etc/hosts of a container as Docker writes it: the local names, the
// extra HOST:IP entries, then the container's own addresses with its full and its
// short name. The word host-gateway must have been replaced by an address.
func Hosts(hostname, domain string, addrs []netip.Addr, extra []string, links ...HostsEntry) ([]byte, error) {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n" +
		"fe00::\tip6-localnet\n" +
		"ff00::\tip6-mcastprefix\n" +
		"ff02::1\tip6-allnodes\n" +
		"ff02::2\tip6-allrouters\n")
	for _, e := range extra {
		name, text, err := splitHost(e)
		if err != nil {
			return nil, err
		}
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("extra host %q: %q is no IP address: %w", e, text, errdefs.ErrInvalidArgument)
		}
		fmt.Fprintf(&b, "%s\t%s\n", addr, name)
	}
	for _, l := range links {
		fmt.Fprintf(&b, "%s\t%s\n", l.Addr, strings.Join(l.Names, " "))
	}
	if hostname == "" {
		return []byte(b.String()), nil
	}
	full := hostname
	if domain != "" {
		full += "." + domain
	}
	if strings.ContainsAny(full, " \t\r\n#") {
		return nil, fmt.Errorf("%q is no host name: %w", full, errdefs.ErrInvalidArgument)
	}
	names := full
	if short, _, qualified := strings.Cut(full, "."); qualified {
		names += " " + short
	}
	for _, a := range addrs {
		fmt.Fprintf(&b, "%s\t%s\n", a, names)
	}
	return []byte(b.String()), nil
}
