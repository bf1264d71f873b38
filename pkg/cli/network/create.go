package network

import (
	"context"
	"fmt"
	"net"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// CreateOptions are the inputs of `network create`.
type CreateOptions struct {
	Base
	Create netutil.CreateOptions

	subnets       []string
	ranges        []net.IPNet
	gateways      []net.IP
	labels        []string
	ipv4, ipv6    bool
	scope         string
	opts, ipamOpt *opts.MapOpts
	aux           *opts.MapOpts
}

// NewCmdCreate makes `network create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Base: newBase(f), opts: opts.NewMapOpts(nil, nil), ipamOpt: opts.NewMapOpts(nil, nil), aux: opts.NewMapOpts(nil, nil)}
	if runF == nil {
		runF = runCreate
	}
	cmd := verb("create [OPTIONS] NETWORK", "Create a network",
		"  nerd network create web\n  nerd network create --subnet 10.9.0.0/24 --subnet fd00:9::/64 --internal back", flagx.ExactArgs(1))
	cmd.ValidArgsFunction = complete.None
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flagx.Refused(cmd.Flags(), "network create"); err != nil {
			return flagx.FlagError(cmd, err)
		}
		o.Create.Name = args[0]
		if err := o.complete(cmd.Flags().Changed); err != nil {
			return err
		}
		return runF(cmd.Context(), o)
	}
	o.register(cmd)
	return cmd
}

func (o *CreateOptions) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&o.Create.Driver, "driver", "d", "bridge", "Driver: bridge, macvlan, ipvlan, ptp, host-device")
	fs.VarP(o.opts, "opt", "o", "Option of the driver, KEY=VALUE")
	fs.Var(opts.NewListOptsRef(&o.labels, opts.ValidateLabel), "label", "Label, KEY=VALUE")
	fs.BoolVar(&o.Create.Internal, "internal", false, "Without a way out, and none in from outside")
	fs.BoolVar(&o.ipv4, "ipv4", true, "Give the containers IPv4 addresses")
	fs.BoolVar(&o.ipv6, "ipv6", false, "Give the containers IPv6 addresses")
	fs.BoolVar(&o.Create.Attachable, "attachable", false, "For swarms: noted, and shown by inspect")
	fs.StringVar(&o.Create.IPAM.Driver, "ipam-driver", "default", "Who gives out addresses: default, dhcp, static")
	fs.Var(o.ipamOpt, "ipam-opt", "Option of the IPAM driver, KEY=VALUE")
	fs.StringSliceVar(&o.subnets, "subnet", nil, "Range of the network's addresses, such as 10.9.0.0/24")
	fs.IPNetSliceVar(&o.ranges, "ip-range", nil, "Part of the subnet that containers get addresses from")
	fs.IPSliceVar(&o.gateways, "gateway", nil, "Address of the host in the subnet")
	fs.Var(o.aux, "aux-address", "Address that no container gets, NAME=ADDRESS")
	fs.Bool("ingress", false, "Make a swarm's routing mesh")
	fs.StringVar(&o.scope, "scope", "", "Scope of the network: local")
	fs.Bool("config-only", false, "Make a configuration for other networks only")
	fs.String("config-from", "", "Network to take the configuration of")
	_ = cmd.RegisterFlagCompletionFunc("driver", complete.Words(netutil.Drivers()...))
	_ = cmd.RegisterFlagCompletionFunc("ipam-driver", complete.Words("default", "dhcp", "static"))
}

// complete turns the flags into what the domain takes.
func (o *CreateOptions) complete(given func(flag string) bool) error {
	if o.scope != "" && o.scope != "local" {
		return fmt.Errorf("invalid scope %q: nerd works on one machine, where all networks are local", o.scope)
	}
	config, err := flagx.IPAMConfig(o.subnets, o.ranges, o.gateways, o.aux.GetAll())
	if err != nil {
		return err
	}
	o.Create.IPAM.Config, o.Create.IPAM.Options = config, o.ipamOpt.GetAll()
	o.Create.Options, o.Create.Labels = o.opts.GetAll(), opts.ConvertKVStringsToMap(o.labels)
	if given("ipv4") {
		o.Create.IPv4 = &o.ipv4
	}
	if given("ipv6") {
		o.Create.IPv6 = &o.ipv6
	}
	return nil
}

func runCreate(ctx context.Context, o *CreateOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	n, err := s.Create(ctx, o.Create)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, n.ID)
	return err
}
