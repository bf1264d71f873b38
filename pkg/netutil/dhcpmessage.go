package netutil

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

// The few messages of RFC 2131 that dhcprelease.go sends and reads.

const (
	dhcpRequest byte = 3
	dhcpAck     byte = 5
	dhcpRelease byte = 7

	dhcpFixed  = 236        // bytes before the magic number
	dhcpMagic  = 0x63825363 // begins the options
	dhcpServer = 67
	dhcpClient = 68

	dhcpOptType   = 53
	dhcpOptServer = 54
	dhcpOptClient = 61
	dhcpOptPad    = 0
	dhcpOptEnd    = 255
)

// dhcpLease is what a server knows a lease by.
type dhcpLease struct {
	addr   netip.Addr // IPv4
	mac    net.HardwareAddr
	client []byte // the client identifier, at most 255 bytes
}

// message is one of the client, about the address it has. Without a server it is
// for all of them.
func (l dhcpLease) message(kind byte, xid uint32, server netip.Addr) []byte {
	m := make([]byte, dhcpFixed, dhcpFixed+300)
	m[0], m[1], m[2] = 1, 1, byte(len(l.mac)) // a request, on Ethernet
	binary.BigEndian.PutUint32(m[4:], xid)
	copy(m[12:16], l.addr.AsSlice())
	copy(m[28:44], l.mac)
	m = binary.BigEndian.AppendUint32(m, dhcpMagic)
	m = append(m, dhcpOptType, 1, kind)
	m = append(m, dhcpOptClient, byte(len(l.client)))
	m = append(m, l.client...)
	if server.Is4() {
		m = append(m, dhcpOptServer, 4)
		m = append(m, server.AsSlice()...)
	}
	return append(m, dhcpOptEnd)
}

var errNotForUs = errors.New("not the answer to the request")

// acknowledged reads a server's answer to the request xid, and returns the address
// by which the server goes.
func (l dhcpLease) acknowledged(m []byte, xid uint32) (netip.Addr, error) {
	var none netip.Addr
	if len(m) < dhcpFixed+4 || m[0] != 2 || binary.BigEndian.Uint32(m[4:]) != xid ||
		binary.BigEndian.Uint32(m[dhcpFixed:]) != dhcpMagic || netip.AddrFrom4([4]byte(m[16:20])) != l.addr {
		return none, errNotForUs
	}
	var kind byte
	var server netip.Addr
	for o := m[dhcpFixed+4:]; len(o) > 0 && o[0] != dhcpOptEnd; {
		if o[0] == dhcpOptPad {
			o = o[1:]
			continue
		}
		if len(o) < 2 || len(o) < 2+int(o[1]) {
			return none, errNotForUs // cut off
		}
		value := o[2 : 2+int(o[1])]
		switch {
		case o[0] == dhcpOptType && len(value) == 1:
			kind = value[0]
		case o[0] == dhcpOptServer && len(value) == 4:
			server = netip.AddrFrom4([4]byte(value))
		}
		o = o[2+len(value):]
	}
	if kind != dhcpAck || !server.IsValid() {
		return none, errNotForUs
	}
	return server, nil
}
