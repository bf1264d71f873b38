package main

import (
	"syscall"
	"unsafe"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// UDP that reaches a published port by IPv6 is passed on as TCP is, see forward.go,
// but has no connections. With the first packet a relay is started, a process that
// has the port's socket and gives each client a socket to the container, as Docker's
// proxy does. It ends when nobody has said anything for a while.

const (
	relayIdle  = 90 * second // Docker's
	relaySweep = 10 * second
	relayMost  = 900 // clients; the one that is silent for longest makes room
	relayBurst = 64  // packets of one socket before others have their turn

	pktinfoSize = 20 // an address and an interface
)

// relayClient is who sends.
type relayClient struct {
	addr [16]byte
	port int
	zone uint32
}

type relaySession struct {
	client relayClient
	to     [16]byte // the host's address that the client knows
	fd     int
	last   int64
}

type relay struct {
	table   string // file of targets
	near    int
	epoll   int
	clients map[relayClient]*relaySession
	fds     map[int]*relaySession
	buf     []byte
	oob     []byte
	idle    int64
	clock   int64
}

// relayPackets is the process that startRelay starts.
func relayPackets(c config) {
	r, err := newRelay(c.dir+"/"+wire.ForwardUDPName, wire.FirstClientFD)
	if err != nil {
		syscall.Exit(1)
	}
	r.run()
	syscall.Exit(0)
}

func newRelay(table string, near int) (*relay, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &relay{
		table: table, near: near, epoll: epoll, idle: relayIdle,
		clients: map[relayClient]*relaySession{}, fds: map[int]*relaySession{},
		buf: make([]byte, 64<<10), oob: make([]byte, 256),
	}
	// The answer has to come from the address that was asked.
	if err := syscall.SetsockoptInt(near, syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1); err != nil {
		return nil, err
	}
	return r, r.watch(near)
}

func (r *relay) watch(fd int) error {
	return syscall.EpollCtl(r.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)})
}

// run passes packets on until all clients are silent.
func (r *relay) run() {
	var events [64]syscall.EpollEvent
	swept := now(clockMonotonic)
	sweep := min(relaySweep, r.idle)
	for {
		n, _ := syscall.EpollWait(r.epoll, events[:], int(sweep/millisecond)) // interrupted: nothing
		r.clock = now(clockMonotonic)
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			if fd == r.near {
				r.fromClients()
			} else if s := r.fds[fd]; s != nil {
				r.fromContainer(s)
			}
		}
		if r.clock-swept < sweep {
			continue
		}
		swept = r.clock
		for _, s := range r.clients {
			if r.clock-s.last >= r.idle {
				r.end(s)
			}
		}
		if len(r.clients) == 0 {
			return
		}
	}
}

// fromClients takes what waits at the port.
func (r *relay) fromClients() {
	for range relayBurst {
		n, oobn, _, from, err := syscall.Recvmsg(r.near, r.buf, r.oob, syscall.MSG_DONTWAIT)
		if err != nil {
			return
		}
		in6, ok := from.(*syscall.SockaddrInet6)
		if !ok {
			continue
		}
		if s := r.session(relayClient{in6.Addr, in6.Port, in6.ZoneId}); s != nil {
			s.to, s.last = askedAddress(r.oob[:oobn]), r.clock
			syscall.Write(s.fd, r.buf[:n])
		}
	}
}

// session is the client's, a new one if it has none. Nil: there is no way to the
// container.
func (r *relay) session(c relayClient) *relaySession {
	if s := r.clients[c]; s != nil {
		return s
	}
	port, err := syscall.Getsockname(r.near)
	in6, ok := port.(*syscall.SockaddrInet6)
	if err != nil || !ok {
		return nil
	}
	// Looked up anew: the container may have been moved to another network.
	target, ok := findTarget(readFile(r.table, make([]byte, 64<<10)), in6.Port)
	if !ok {
		return nil
	}
	if len(r.clients) >= relayMost {
		r.endOldest()
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	if syscall.Connect(fd, &target) != nil || r.watch(fd) != nil {
		syscall.Close(fd)
		return nil
	}
	s := &relaySession{client: c, fd: fd}
	r.clients[c], r.fds[fd] = s, s
	return s
}

// fromContainer takes what the container answers. An error is a message that the
// port in the container is closed, which a client over IPv6 cannot be told.
func (r *relay) fromContainer(s *relaySession) {
	for range relayBurst {
		n, err := syscall.Read(s.fd, r.buf)
		if err == syscall.ECONNREFUSED {
			continue
		}
		if err != nil {
			return
		}
		s.last = r.clock
		to := &syscall.SockaddrInet6{Addr: s.client.addr, Port: s.client.port, ZoneId: s.client.zone}
		syscall.SendmsgN(r.near, r.buf[:n], fromAddress(s.to), to, syscall.MSG_DONTWAIT)
	}
}

func (r *relay) endOldest() {
	var oldest *relaySession
	for _, s := range r.clients {
		if oldest == nil || s.last < oldest.last {
			oldest = s
		}
	}
	r.end(oldest)
}

func (r *relay) end(s *relaySession) {
	syscall.Close(s.fd)
	delete(r.fds, s.fd)
	delete(r.clients, s.client)
}

// askedAddress is the host's address that a packet was for, of the control message
// that came with it; unspecified for one to a group.
func askedAddress(oob []byte) (addr [16]byte) {
	list, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return addr
	}
	for _, m := range list {
		if m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_PKTINFO && len(m.Data) >= pktinfoSize && m.Data[0] != 0xff {
			copy(addr[:], m.Data)
		}
	}
	return addr
}

// fromAddress is the control message that has a packet sent from an address.
func fromAddress(addr [16]byte) []byte {
	b := make([]byte, syscall.CmsgSpace(pktinfoSize))
	h := (*syscall.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO
	h.SetLen(syscall.CmsgLen(pktinfoSize))
	copy(b[syscall.CmsgLen(0):], addr[:])
	return b
}
