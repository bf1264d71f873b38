// Package netutil wires containers to networks: it pins network namespaces,
// runs CNI plugins, reserves published ports, keeps the firewall rules of each
// network and writes resolv.conf and hosts.
//
// Whatever a container holds of the network is first written to its record
// (state.Layout.NetRecord) and only then taken, and the record is removed last.
// So a process killed at any point leaves a record from which Detach or Repair
// gives everything back.
package netutil

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/moby/moby/api/types/network"
)

// Names of the networks that need no conflist.
const (
	NetworkBridge  = "bridge"
	NetworkDefault = "default" // another name of the default bridge
	NetworkHost    = "host"
	NetworkNone    = "none"
)

// Network is one network as Docker lists it.
type Network struct {
	Name       string
	ID         string // 64 hex digits
	CNIName    string // as plugins know it: part of their comments and of the folder of leases
	Driver     string // bridge, host, null, macvlan, ...; another CNI plugin's type for a foreign conflist
	Created    time.Time
	Subnets    []Subnet
	UserPools  bool   `json:",omitempty"` // the subnets were given by the user, who may then choose addresses
	IPAM       string `json:",omitempty"` // host-local, dhcp or static; empty: host-local
	Internal   bool   `json:",omitempty"` // no way out, and none in from outside
	Attachable bool   `json:",omitempty"`
	Bridge     string // the bridge device on the host, if it has one
	KeepBridge bool   `json:",omitempty"` // the bridge was there before the network, so it stays after it
	Labels     map[string]string
	Options    map[string]string `json:",omitempty"` // of the driver, under Docker's keys
	IPAMOpts   map[string]string `json:",omitempty"`
	Firewall   string            // iptables or nftables: who holds its rules; empty without rules
	Names      bool              `json:",omitempty"` // containers find each other by name, through nerd's resolver
	Conflist   json.RawMessage   // the CNI configuration; empty for host and none
	File       string            `json:"-"` // where the conflist is
	Mark       string            `json:"-"` // of interfaces of the host that nerd makes for it
}

// Subnet is one range of addresses of a network.
type Subnet struct {
	Subnet  netip.Prefix          `json:"subnet"`
	Gateway netip.Addr            `json:"gateway,omitzero"`
	Range   netip.Prefix          `json:"range,omitzero"` // addresses are given out from here; zero: from all of it
	Aux     map[string]netip.Addr `json:"aux,omitempty"`  // addresses that are never given out, by what has them
}

// PublishedPort is one host port that leads to one container port.
type PublishedPort struct {
	HostIP        netip.Addr         `json:"hostIP,omitzero"`       // zero: every address
	HostPort      uint16             `json:"hostPort"`              // 0: one is chosen when it is reserved
	HostPortEnd   uint16             `json:"hostPortEnd,omitempty"` // set: the first free port from HostPort to here is taken
	ContainerPort uint16             `json:"containerPort"`
	Protocol      network.IPProtocol `json:"protocol"` // tcp, udp, sctp
}

// Endpoint asks for an interface in one network.
type Endpoint struct {
	Network    string            `json:"network"`
	IPv4       netip.Addr        `json:"ipv4,omitzero"` // zero: any free one
	IPv6       netip.Addr        `json:"ipv6,omitzero"`
	LinkLocal  []netip.Addr      `json:"linkLocal,omitempty"` // further addresses of the interface
	MAC        string            `json:"mac,omitempty"`
	Aliases    []string          `json:"aliases,omitempty"` // further names in the network
	Links      []string          `json:"links,omitempty"`   // CONTAINER:ALIAS, names that only this container knows
	Opts       map[string]string `json:"opts,omitempty"`
	GwPriority int               `json:"gwPriority,omitempty"` // the highest has the default route, of equal ones the first name
}

// AttachRequest wires one container.
type AttachRequest struct {
	ContainerID string
	Name        string // the container's, for errors, the ports' holder and the resolver
	Hostname    string
	DNS         []netip.Addr    // servers that answer what the resolver does not know; none: the host's
	Endpoints   []Endpoint      // the first is eth0
	Ports       []PublishedPort // as resolved by ReservePorts: no zero HostPort
}

// Attachment is what a container got: by network name, the operational fields of
// Docker's endpoint settings (addresses, gateway, MAC, NetworkID, EndpointID).
type Attachment struct {
	Networks map[string]*network.EndpointSettings
	DNS      []netip.Addr // name servers the networks bring, if any
	Names    []netip.Addr // nerd's resolver, as the container reaches it; the network with the default route first
	PortsTo  netip.Addr   // the IPv4 address that published ports lead to, if any do
	Gateway  netip.Addr   // of the default route, IPv4 where there is one
}
