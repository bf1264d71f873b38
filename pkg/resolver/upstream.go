package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// upstreamTime is how long one server may take. Two of them fit into the five
// seconds after which a C library asks again.
const upstreamTime = 2 * time.Second

// fallback are the servers of a host that has none, as in Docker.
var fallback = []string{"8.8.8.8", "8.8.4.4"}

// upstream asks the servers of the host, or of a container, what the resolver does
// not know. It runs in the host's network namespace, so a stub on the loopback of
// the host is reached like any other.
type upstream struct {
	file string // resolv.conf
	own  []netip.Addr

	mu   sync.Mutex
	mod  time.Time
	host []netip.Addr
}

// servers are those of the container, or of the host as its file says now.
func (u *upstream) servers(own []netip.Addr) []netip.Addr {
	if len(own) > 0 {
		return own
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := os.Stat(u.file)
	if err == nil && info.ModTime().Equal(u.mod) {
		return u.host
	}
	data, err := os.ReadFile(u.file)
	if err != nil {
		data = nil
	}
	u.host = parseServers(string(data), u.own)
	if info != nil {
		u.mod = info.ModTime()
	}
	return u.host
}

// parseServers takes the name servers out of a resolv.conf. The resolver itself is
// none of them: it would ask itself for ever.
func parseServers(text string, own []netip.Addr) []netip.Addr {
	var list []netip.Addr
	add := func(word string) {
		if a, err := netip.ParseAddr(word); err == nil && !slices.Contains(own, a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "nameserver" {
			add(f[1])
		}
	}
	if len(list) == 0 {
		for _, word := range fallback {
			add(word)
		}
	}
	return list
}

// ask passes the message on as it is, to one server after the other, until one has
// an answer that is no failure of its own. An answer of failure is better than
// none.
func (u *upstream) ask(ctx context.Context, msg []byte, own []netip.Addr, tcp bool) ([]byte, error) {
	last, err := []byte(nil), errors.New("no name server answers")
	for _, server := range u.servers(own) {
		reply, e := exchange(ctx, msg, netip.AddrPortFrom(server, 53), tcp)
		if e != nil {
			err = e
			continue
		}
		last = reply
		if code := reply[3] & 15; code != 2 && code != 5 { // SERVFAIL, REFUSED
			return reply, nil
		}
	}
	if last != nil {
		return last, nil
	}
	return nil, err
}

func exchange(ctx context.Context, msg []byte, to netip.AddrPort, tcp bool) ([]byte, error) {
	kind := "udp"
	if tcp {
		kind = "tcp"
	}
	ctx, cancel := context.WithTimeout(ctx, upstreamTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, kind, to.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if tcp {
		if err := writeFrame(c, msg); err != nil {
			return nil, err
		}
		return readFrame(c)
	}
	if _, err := c.Write(msg); err != nil {
		return nil, err
	}
	buf := make([]byte, maxSize)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		// The socket is connected, so only this server is heard. An answer to an
		// earlier question would have another number.
		if n >= headerSize && buf[0] == msg[0] && buf[1] == msg[1] && buf[2]&0x80 != 0 {
			return slices.Clone(buf[:n]), nil
		}
	}
}

const headerSize = 12

// writeFrame writes a message as it is on TCP: after its length.
func writeFrame(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, err
	}
	if len(msg) < headerSize {
		return nil, io.ErrUnexpectedEOF
	}
	return msg, nil
}
