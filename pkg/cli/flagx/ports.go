package flagx

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"strings"

	"github.com/docker/go-connections/nat"
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/pflag"
)

// maxPorts bounds what one command line can publish, so that a slip in a range
// is an error before it is many thousand sockets.
const maxPorts = 65536

func (c *ContainerFlags) ports(*pflag.FlagSet) error {
	exposed, bindings, err := ParsePorts(c.publish)
	if err != nil {
		return err
	}
	for _, e := range c.expose {
		ports, err := ParseExpose(e)
		if err != nil {
			return err
		}
		for _, p := range ports {
			exposed[p] = struct{}{}
		}
	}
	if len(exposed) > 0 {
		c.Config.ExposedPorts = exposed
	}
	if len(bindings) > 0 {
		c.Host.PortBindings = bindings
	}
	return nil
}

// ParsePorts reads the values of --publish, in any of Docker's forms:
// CONTAINER, HOST:CONTAINER, IP:HOST:CONTAINER, IP::CONTAINER, [IPv6]:HOST:CONTAINER,
// with ranges and a protocol, or target=...,published=...,protocol=....
func ParsePorts(specs []string) (network.PortSet, network.PortMap, error) {
	exposed, bindings := network.PortSet{}, network.PortMap{}
	for _, spec := range specs {
		short, err := shortPort(spec)
		if err != nil {
			return nil, nil, err
		}
		mappings, err := nat.ParsePortSpec(short)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid port %q: %w", spec, err)
		}
		for _, m := range mappings {
			port, err := network.ParsePort(string(m.Port))
			if err != nil {
				return nil, nil, fmt.Errorf("invalid port %q: %w", spec, err)
			}
			if port.Num() == 0 {
				return nil, nil, fmt.Errorf("invalid port %q: a container has no port 0", spec)
			}
			binding := network.PortBinding{HostPort: m.Binding.HostPort}
			if ip := m.Binding.HostIP; ip != "" {
				if binding.HostIP, err = netip.ParseAddr(ip); err != nil {
					return nil, nil, fmt.Errorf("invalid port %q: %w", spec, err)
				}
			}
			exposed[port] = struct{}{}
			bindings[port] = append(bindings[port], binding)
		}
		if len(bindings) > maxPorts {
			return nil, nil, fmt.Errorf("invalid port %q: more than %d ports", spec, maxPorts)
		}
	}
	return exposed, bindings, nil
}

// shortPort turns the long form of a published port into the short one.
func shortPort(spec string) (string, error) {
	if !strings.Contains(spec, "=") {
		return spec, nil
	}
	fields, err := csv.NewReader(strings.NewReader(spec)).Read()
	if err != nil {
		return "", fmt.Errorf("invalid port %q: %w", spec, err)
	}
	var target, published, protocol, ip string
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok || value == "" {
			return "", fmt.Errorf("invalid port %q: expected name=value but got %q", spec, field)
		}
		switch key {
		case "target":
			target = value
		case "published":
			published = value
		case "protocol":
			protocol = "/" + value
		case "host_ip":
			ip = value
		case "mode":
			if value != "host" && value != "ingress" {
				return "", fmt.Errorf("invalid port %q: unknown mode %q", spec, value)
			}
		default:
			return "", fmt.Errorf("invalid port %q: unknown field %q", spec, key)
		}
	}
	if target == "" {
		return "", fmt.Errorf("invalid port %q: target is missing", spec)
	}
	out := target + protocol
	if published != "" || ip != "" {
		out = published + ":" + out
	}
	if ip != "" {
		if strings.Contains(ip, ":") && !strings.HasPrefix(ip, "[") {
			ip = "[" + ip + "]"
		}
		out = ip + ":" + out
	}
	return out, nil
}

// ParseExpose reads a value of --expose: PORT or FIRST-LAST, and a protocol.
func ParseExpose(text string) ([]network.Port, error) {
	if strings.Contains(text, ":") {
		return nil, fmt.Errorf("invalid port format for --expose: %s", text)
	}
	ports, err := network.ParsePortRange(text)
	if err != nil {
		return nil, fmt.Errorf("invalid range format for --expose: %w", err)
	}
	switch ports.Proto() {
	case network.TCP, network.UDP, network.SCTP:
	default:
		return nil, fmt.Errorf("invalid protocol %q for --expose: use tcp, udp or sctp", ports.Proto())
	}
	if ports.Start() == 0 {
		return nil, fmt.Errorf("invalid port %q for --expose: a container has no port 0", text)
	}
	out := make([]network.Port, 0, int(ports.End())-int(ports.Start())+1)
	for p := range ports.All() {
		out = append(out, p)
	}
	return out, nil
}
