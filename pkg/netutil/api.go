package netutil

import (
	"net/netip"

	"github.com/moby/moby/api/types/network"
)

// Names of the networks that need no conflist.
const (
	NetworkBridge  = "bridge"
	NetworkDefault = "default" // another name of the default bridge
	NetworkHost    = "host"
	NetworkNone    = "none"
)

// PublishedPort is one host port that leads to one container port.
type PublishedPort struct {
	HostIP        netip.Addr         `json:"hostIP,omitzero"` // zero: every address
	HostPort      uint16             `json:"hostPort"`        // 0: one is chosen when it is reserved
	ContainerPort uint16             `json:"containerPort"`
	Protocol      network.IPProtocol `json:"protocol"` // tcp, udp, sctp
}

// Endpoint asks for an interface in one network.
type Endpoint struct {
	Network string            `json:"network"`
	IPv4    netip.Addr        `json:"ipv4,omitzero"` // zero: any free one
	IPv6    netip.Addr        `json:"ipv6,omitzero"`
	MAC     string            `json:"mac,omitempty"`
	Opts    map[string]string `json:"opts,omitempty"`
}

// AttachRequest wires one container.
type AttachRequest struct {
	ContainerID string
	Name        string // the container's, for errors and the ports' holder
	Hostname    string
	Endpoints   []Endpoint // the first is eth0 and has the default route
	Ports       []PublishedPort
}

// Attachment is what a container got: by network name, the operational fields of
// Docker's endpoint settings (addresses, gateway, MAC, NetworkID, EndpointID).
type Attachment struct {
	Networks map[string]*network.EndpointSettings
	DNS      []netip.Addr // name servers the networks bring, if any
}
