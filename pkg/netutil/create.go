package netutil

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// CreateOptions describes a network to be made, as Docker's API does.
type CreateOptions struct {
	Name       string
	Driver     string // empty: bridge
	IPv4, IPv6 *bool  // nil: IPv4 yes; IPv6 if a subnet of it is given
	Internal   bool
	Attachable bool // for swarms: kept and shown, without effect
	Labels     map[string]string
	Options    map[string]string
	IPAM       network.IPAM
}

// Create makes a network. Its subnets, where none are given, are the first of
// Docker's pools that overlap nothing on the host.
func (s *Service) Create(ctx context.Context, o CreateOptions) (*Network, error) {
	n, err := s.planNetwork(o)
	if err != nil {
		return nil, err
	}
	if n, err = s.publishNetwork(ctx, n, o); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, n); err != nil {
		return nil, errors.Join(err, s.remove(context.WithoutCancel(ctx), n))
	}
	s.emit(ctx, "create", n)
	return n, nil
}

// planNetwork checks all that can be checked without looking at the host.
func (s *Service) planNetwork(o CreateOptions) (*Network, error) {
	if isPredefined(o.Name) {
		return nil, &kindError{"operation is not permitted on predefined " + o.Name + " network", errdefs.ErrPermissionDenied}
	}
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	if o.Driver == "" {
		o.Driver = driverBridge
	}
	if err := checkDriver(o.Driver); err != nil {
		return nil, err
	}
	options, err := normalOptions(o.Driver, o.Options)
	if err != nil {
		return nil, err
	}
	id, err := newNetworkID()
	if err != nil {
		return nil, err
	}
	n := &Network{
		Name: o.Name, ID: id, CNIName: s.cniName(o.Name), Driver: o.Driver, Created: time.Now().UTC(), UserPools: len(o.IPAM.Config) > 0,
		IPAM: o.IPAM.Driver, Internal: o.Internal, Attachable: o.Attachable, Labels: o.Labels, Options: options, IPAMOpts: o.IPAM.Options,
	}
	if err := planIPAM(n, o.IPAM); err != nil {
		return nil, err
	}
	return n, s.planDevice(n)
}

// planDevice decides on what carries the network on the host.
func (s *Service) planDevice(n *Network) error {
	opt := func(key, fallback string) {
		if n.Options[key] == "" {
			n.Options[key] = fallback
		}
	}
	switch n.Driver {
	case driverBridge:
		if n.Bridge = n.Options[optBridgeName]; n.Bridge == "" {
			n.Bridge = "br-" + n.ID[:12]
		}
		if n.IPAM != ipamHostLocal {
			return invalid("the IPAM driver %s does not go with a bridge, whose host has to have an address in it: use macvlan or ipvlan", n.IPAM)
		}
		n.Names = true
	case driverMacvlan:
		opt(optMacvlanMode, "bridge")
	case driverIPvlan:
		opt(optIPvlanMode, "l2")
	case driverHostDevice:
		if n.Options[optDevice] == "" {
			return errs.WithHint(invalid("the driver host-device needs the interface to hand over"), "give it with --opt device=NAME")
		}
	}
	return nil
}

// publishNetwork chooses what depends on other networks and writes the conflist,
// under the lock that makes the choices of two networks differ.
func (s *Service) publishNetwork(ctx context.Context, n *Network, o CreateOptions) (_ *Network, err error) {
	if n.Driver == driverBridge {
		if n.Firewall, err = s.host.firewall(ctx); err != nil {
			return nil, err
		}
	}
	l, err := s.networksLock(ctx)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	if err := s.finishOwn(ctx, n.Name); err != nil {
		return nil, err
	}
	existing, broken, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	for i := range existing {
		if existing[i].Name == n.Name {
			return nil, &kindError{"network with name " + n.Name + " already exists", errdefs.ErrAlreadyExists}
		}
		if n.Bridge != "" && existing[i].Bridge == n.Bridge {
			return nil, &kindError{fmt.Sprintf("the bridge %s belongs to network %s: give another name with --opt %s", n.Bridge, existing[i].Name, optBridgeName), errdefs.ErrConflict}
		}
	}
	for _, b := range broken {
		if strings.Contains(b.Error(), s.conflistPath(n.Name)) { // it would be overwritten
			return nil, b
		}
	}
	if n.Subnets, err = s.chooseSubnets(ctx, n, o, existing); err != nil {
		return nil, err
	}
	if n.Bridge != "" {
		if n.KeepBridge, err = s.host.hasLink(n.Bridge); err != nil {
			return nil, err
		}
	}
	return s.writeNetwork(n)
}

func isPredefined(name string) bool {
	return slices.Contains([]string{NetworkBridge, NetworkDefault, NetworkHost, NetworkNone}, name)
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// checkName keeps to what Docker recommends and CNI demands. A name becomes a
// file and a folder.
func checkName(name string) error {
	if strings.TrimSpace(name) == "" {
		return invalid("invalid network name: name is empty")
	}
	if len(name) > 128 || !strings.Contains(nameChars, name[:1]) || strings.Trim(name, nameChars+"_.-") != "" {
		return invalid("invalid network name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	return nil
}

func checkDriver(name string) error {
	switch {
	case slices.Contains(Drivers(), name):
		return nil
	case name == "host" || name == "null":
		return &kindError{fmt.Sprintf("only one instance of %q network is allowed", name), errdefs.ErrPermissionDenied}
	case name == "overlay":
		return errs.WithHint(invalid("the driver overlay connects the nodes of a swarm, which nerd does not have"), "use bridge, macvlan or ipvlan")
	}
	return errs.WithHint(&kindError{fmt.Sprintf("plugin %q not found", name), errdefs.ErrNotFound}, "use %s, or put a conflist into the folder of networks", strings.Join(Drivers(), ", "))
}

func newNetworkID() (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw), nil
}

// wantsFamily tells which addresses the network is to have.
func (o CreateOptions) wantsFamily() (v4, v6 bool) {
	v4 = o.IPv4 == nil || *o.IPv4
	v6 = o.IPv6 != nil && *o.IPv6
	for _, c := range o.IPAM.Config {
		v6 = v6 || o.IPv6 == nil && c.Subnet.Addr().Is6()
	}
	return v4, v6
}

// planIPAM checks the part on addresses and fills in Docker's word for it.
func planIPAM(n *Network, ipam network.IPAM) error {
	switch ipam.Driver {
	case "", "default", ipamHostLocal:
		n.IPAM = ipamHostLocal
	case ipamDHCP, ipamStatic:
	default:
		return &kindError{fmt.Sprintf("plugin %q not found: the IPAM drivers are default, dhcp and static", ipam.Driver), errdefs.ErrNotFound}
	}
	if len(ipam.Options) > 0 {
		return invalid("unknown option %q of the IPAM driver %s: it takes none", slices.Sorted(maps.Keys(ipam.Options))[0], n.IPAM)
	}
	if n.IPAM == ipamDHCP && len(ipam.Config) > 0 {
		return invalid("with the IPAM driver dhcp the server gives the addresses: leave the subnet out")
	}
	if n.IPAM == ipamStatic && len(ipam.Config) == 0 {
		return invalid("the IPAM driver static needs a subnet")
	}
	return nil
}
