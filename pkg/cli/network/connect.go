package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/docker/cli/opts"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// ConnectOptions are the inputs of `network connect`.
type ConnectOptions struct {
	Base
	Network, Container string
	Endpoint           apinetwork.EndpointSettings

	ip, ip6    net.IP
	linkLocal  []net.IP
	driverOpts []string
}

// NewCmdConnect makes `network connect`.
func NewCmdConnect(f *factory.Factory, runF func(context.Context, *ConnectOptions) error) *cobra.Command {
	o := &ConnectOptions{Base: newBase(f)}
	if runF == nil {
		runF = runConnect
	}
	cmd := verb("connect [OPTIONS] NETWORK CONTAINER", "Connect a container to a network",
		"  nerd network connect web api\n  nerd network connect --ip 10.9.0.7 --alias db back postgres", flagx.ExactArgs(2))
	cmd.ValidArgsFunction = complete.NetworkThenContainer(f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Network, o.Container = args[0], args[1]
		if err := o.complete(); err != nil {
			return err
		}
		return runF(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.IPVar(&o.ip, "ip", nil, "IPv4 address (e.g., 172.30.100.104)")
	fs.IPVar(&o.ip6, "ip6", nil, "IPv6 address (e.g., 2001:db8::33)")
	fs.Var(opts.NewListOptsRef(&o.Endpoint.Links, opts.ValidateLink), "link", "Name for another container, CONTAINER[:ALIAS]")
	fs.StringSliceVar(&o.Endpoint.Aliases, "alias", nil, "Further name of the container in the network")
	fs.IPSliceVar(&o.linkLocal, "link-local-ip", nil, "Link-local address")
	fs.StringSliceVar(&o.driverOpts, "driver-opt", nil, "Option of the driver, KEY=VALUE")
	fs.IntVar(&o.Endpoint.GwPriority, "gw-priority", 0, "The network with the highest has the default route")
	return cmd
}

func (o *ConnectOptions) complete() error {
	ipam := &apinetwork.EndpointIPAMConfig{IPv4Address: address(o.ip), IPv6Address: address(o.ip6)}
	if ipam.IPv4Address.Is6() {
		return errors.New("invalid IPv4 address: " + ipam.IPv4Address.String())
	}
	if ipam.IPv6Address.Is4() {
		return errors.New("invalid IPv6 address: " + ipam.IPv6Address.String())
	}
	for _, ip := range o.linkLocal {
		ipam.LinkLocalIPs = append(ipam.LinkLocalIPs, address(ip))
	}
	if ipam.IPv4Address.IsValid() || ipam.IPv6Address.IsValid() || len(ipam.LinkLocalIPs) > 0 {
		o.Endpoint.IPAMConfig = ipam
	}
	for _, text := range o.driverOpts {
		key, value, ok := strings.Cut(text, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return errors.New("invalid key/value pair format in driver options")
		}
		if o.Endpoint.DriverOpts == nil {
			o.Endpoint.DriverOpts = map[string]string{}
		}
		o.Endpoint.DriverOpts[key] = strings.TrimSpace(value)
	}
	return nil
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip) // none is the zero address
	return a.Unmap()
}

func runConnect(ctx context.Context, o *ConnectOptions) error {
	s, err := o.Containers(ctx)
	if err != nil {
		return err
	}
	return s.ConnectNetwork(ctx, o.Network, o.Container, &o.Endpoint)
}
