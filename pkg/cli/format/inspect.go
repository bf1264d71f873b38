package format

import (
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Inspected is a container as inspect shows it: what Docker's API has now, and in
// NetworkSettings what it had up to Docker 28, because {{.NetworkSettings.IPAddress}}
// is in many scripts.
type Inspected struct {
	container.InspectResponse
	NetworkSettings *NetworkSettings
}

// NetworkSettings are the networks of a container, and its place in the default
// one; the fields that were never filled in any more are empty, as they were.
type NetworkSettings struct {
	Bridge                 string
	SandboxID              string
	SandboxKey             string
	Ports                  network.PortMap
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	SecondaryIPAddresses   []string
	SecondaryIPv6Addresses []string
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string
	Networks               map[string]*network.EndpointSettings
}

// defaultNetwork is the network whose addresses stand at the top.
const defaultNetwork = "bridge"

// Inspect makes an Inspected.
func Inspect(c container.InspectResponse) Inspected {
	out := Inspected{InspectResponse: c}
	if c.NetworkSettings == nil {
		return out
	}
	n := c.NetworkSettings
	s := &NetworkSettings{SandboxID: n.SandboxID, SandboxKey: n.SandboxKey, Ports: n.Ports, Networks: n.Networks}
	if ep := n.Networks[defaultNetwork]; ep != nil {
		s.EndpointID, s.MacAddress = ep.EndpointID, ep.MacAddress.String()
		s.IPPrefixLen, s.GlobalIPv6PrefixLen = ep.IPPrefixLen, ep.GlobalIPv6PrefixLen
		if ep.IPAddress.IsValid() {
			s.IPAddress = ep.IPAddress.String()
		}
		if ep.Gateway.IsValid() {
			s.Gateway = ep.Gateway.String()
		}
		if ep.GlobalIPv6Address.IsValid() {
			s.GlobalIPv6Address = ep.GlobalIPv6Address.String()
		}
		if ep.IPv6Gateway.IsValid() {
			s.IPv6Gateway = ep.IPv6Gateway.String()
		}
	}
	out.NetworkSettings = s
	return out
}
