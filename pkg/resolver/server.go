package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Limits of what one network can make the resolver hold at once. What is beyond
// is dropped or refused, and asked again by who needs it.
const (
	maxForwards = 256
	maxConns    = 64
	idleTime    = 10 * time.Second // of a TCP connection
)

// server answers the questions of one network.
type server struct {
	network string
	own     []netip.Addr // that it listens on
	up      *upstream

	mu   sync.Mutex
	view *view

	forwards, conns chan struct{} // as many as are in use
}

func newServer(network string, v *view, own []netip.Addr, resolvConf string) *server {
	return &server{
		network: network, own: own, view: v, up: &upstream{file: resolvConf, own: own},
		forwards: make(chan struct{}, maxForwards), conns: make(chan struct{}, maxConns),
	}
}

// decision is what to do with a question: to give the reply, or to ask others.
type decision struct {
	reply   []byte
	forward bool
	servers []netip.Addr
}

// decide answers what the records can. Who is no container of them gets nothing:
// the resolver is not one for the whole world. The host may ask.
func (s *server) decide(q query, from netip.Addr) decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.refresh()
	asker := s.view.byAddr[from]
	if asker == nil {
		if !s.isOwn(from) {
			return decision{reply: q.fail(dnsmessage.RCodeRefused)}
		}
		asker = &container{outside: true, members: []member{{network: s.network}}}
	}
	name := q.question.Name.String()
	if q.question.Class == dnsmessage.ClassINET {
		if reply := s.known(q, asker, name); reply != nil {
			return decision{reply: reply}
		}
	}
	if !asker.outside {
		return decision{reply: q.fail(dnsmessage.RCodeServerFailure)}
	}
	return decision{forward: true, servers: asker.servers}
}

// known is the answer from the records, nil if they have none.
func (s *server) known(q query, asker *container, name string) []byte {
	if q.question.Type == dnsmessage.TypePTR {
		addr, ok := reverseName(name)
		if !ok {
			return nil
		}
		switch host, known := s.view.reverse(asker, addr); {
		case host != "":
			return q.answer(dnsmessage.RCodeSuccess, []any{host})
		case known:
			return q.fail(dnsmessage.RCodeNameError)
		}
		return nil
	}
	if addrs, found := localhost(name, q.question.Type); found {
		return q.answer(dnsmessage.RCodeSuccess, addrs)
	}
	addrs, found := s.view.lookup(asker, name, q.question.Type == dnsmessage.TypeAAAA)
	switch {
	case !found:
		return nil
	case q.question.Type == dnsmessage.TypeA || q.question.Type == dnsmessage.TypeAAAA:
		return q.answer(dnsmessage.RCodeSuccess, shuffled(addrs))
	}
	return q.fail(dnsmessage.RCodeSuccess) // the name is there, with nothing of this kind
}

// localhost is answered here, as RFC 6761 has it.
func localhost(name string, kind dnsmessage.Type) (addrs []any, found bool) {
	name = strings.ToLower(name)
	if name != "localhost." && !strings.HasSuffix(name, ".localhost.") {
		return nil, false
	}
	switch kind {
	case dnsmessage.TypeA:
		return []any{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, true
	case dnsmessage.TypeAAAA:
		return []any{netip.IPv6Loopback()}, true
	}
	return nil, true
}

// isOwn tells whether the host asks. Masquerading may have given its question any of
// its addresses; only those can be bound.
func (s *server) isOwn(a netip.Addr) bool {
	if a.IsLoopback() || slices.Contains(s.own, a) {
		return true
	}
	pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	return err == nil && pc.Close() == nil
}

// used tells whether there still are containers on the network.
func (s *server) used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.refresh()
	return s.view.used(s.network)
}

// serveUDP answers until the socket is closed.
func (s *server) serveUDP(ctx context.Context, pc *net.UDPConn) {
	buf := make([]byte, maxSize)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as a port that was not there for an earlier answer
		}
		from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
		q, reply, ok := parseQuery(buf[:n], false)
		if ok {
			d := s.decide(q, from.Addr())
			if d.forward {
				s.forwardUDP(ctx, pc, from, q, append([]byte(nil), buf[:n]...), d.servers)
				continue
			}
			reply = d.reply
		}
		if reply != nil {
			_, _ = pc.WriteToUDPAddrPort(reply, from) // who does not get it asks again
		}
	}
}

// forwardUDP has others answer, in the background.
func (s *server) forwardUDP(ctx context.Context, pc *net.UDPConn, to netip.AddrPort, q query, msg []byte, servers []netip.Addr) {
	select {
	case s.forwards <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.forwards }()
		reply, err := s.up.ask(ctx, msg, servers, false)
		if err != nil {
			reply = q.fail(dnsmessage.RCodeServerFailure)
		}
		_, _ = pc.WriteToUDPAddrPort(reply, to)
	}()
}

// serveTCP answers until the listener is closed.
func (s *server) serveTCP(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: some will be free again
			continue
		}
		select {
		case s.conns <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		go func() {
			defer func() { <-s.conns }()
			s.converse(ctx, c)
			_ = c.Close()
		}()
	}
}

// converse answers one question after the other on a connection.
func (s *server) converse(ctx context.Context, c net.Conn) {
	remote, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return
	}
	for {
		if c.SetDeadline(time.Now().Add(idleTime)) != nil {
			return
		}
		msg, err := readFrame(c)
		if err != nil {
			return
		}
		q, reply, ok := parseQuery(msg, true)
		if ok {
			d := s.decide(q, remote.Addr().Unmap().WithZone(""))
			if reply = d.reply; d.forward {
				if reply, err = s.up.ask(ctx, msg, d.servers, true); err != nil {
					reply = q.fail(dnsmessage.RCodeServerFailure)
				}
			}
		}
		if reply == nil || writeFrame(c, reply) != nil {
			return
		}
	}
}
