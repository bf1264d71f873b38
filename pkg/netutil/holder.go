package netutil

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
)

// holder finds out who has a port: a container, by the records, else a process,
// by its sockets. It is for error messages, so whatever fails is an empty answer.
func (s *Service) holder(id string, p PublishedPort) string {
	if claims, err := s.claims(id, p); err == nil && len(claims) > 0 {
		return containerHolder(claims[0])
	}
	return processHolder("/proc", p)
}

func containerHolder(rec *record) string {
	if rec.Name != "" {
		return "container " + strings.TrimPrefix(rec.Name, "/")
	}
	return "container " + rec.ID
}

// processHolder looks for the port in the kernel's socket tables and for the
// socket among the open files of all processes.
func processHolder(proc string, p PublishedPort) string {
	var inodes []string
	for _, six := range []string{"", "6"} {
		table, err := os.ReadFile(filepath.Join(proc, "net", string(p.protocol())+six))
		if err != nil {
			continue
		}
		inodes = append(inodes, socketInodes(table, p)...)
	}
	if len(inodes) == 0 {
		return ""
	}
	fds, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil {
			continue
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		if !ok || !slices.Contains(inodes, strings.TrimSuffix(inode, "]")) {
			continue
		}
		dir := filepath.Dir(filepath.Dir(fd))
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("process %s (pid %s)", bytes.TrimSpace(name), filepath.Base(dir))
	}
	return ""
}

// tcpListen is the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// socketInodes takes from a /proc/net table the sockets bound to the port on an
// address that overlaps p's.
func socketInodes(table []byte, p PublishedPort) []string {
	var inodes []string
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || (p.protocol() == network.TCP && f[3] != tcpListen) {
			continue
		}
		local, ok := parseSocketAddr(f[1])
		if !ok || local.Port() != p.HostPort {
			continue
		}
		addr := local.Addr()
		// A socket on :: takes IPv4 too unless told otherwise, which the table
		// does not show.
		if p.HostIP.IsValid() && !p.HostIP.IsUnspecified() && !addr.IsUnspecified() && addr.Unmap() != p.HostIP {
			continue
		}
		inodes = append(inodes, f[9])
	}
	return inodes
}

// parseSocketAddr reads 0100007F:1F90: the address in 32-bit words of the host's
// byte order (little endian on every platform nerd runs on), then the port.
func parseSocketAddr(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(host)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	n, err := strconv.ParseUint(port, 16, 16)
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(n)), err == nil
}
