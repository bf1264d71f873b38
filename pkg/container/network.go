package container

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

// planNetworks checks what is asked of each network, as far as it exists already,
// and notes networks that were given by their id under their names.
func (s *Service) planNetworks(ctx context.Context, p *plan) error {
	hc := p.HostConfig
	if !wantsSandbox(hc.NetworkMode) {
		return nil
	}
	if err := s.checkLinks(ctx, p); err != nil {
		return err
	}
	if len(p.Networks) == 0 && !hc.NetworkMode.IsUserDefined() {
		return nil
	}
	networks := p.Networks
	if len(networks) == 0 {
		networks = map[string]*network.EndpointSettings{string(hc.NetworkMode): {}}
	}
	named := map[string]*network.EndpointSettings{}
	for ref, es := range networks {
		name, err := s.cfg.Networks.CheckEndpoint(ctx, endpointOf(networkName(ref), es))
		switch {
		case errdefs.IsNotFound(err): // it may come until the container is started
			name = ref
		case err != nil:
			return err
		}
		if _, twice := named[name]; twice {
			return errorf(errdefs.ErrInvalidArgument, "network %q is specified multiple times", name)
		}
		if named[name] = es; string(hc.NetworkMode) == ref {
			hc.NetworkMode = container.NetworkMode(name)
		}
	}
	if p.Networks != nil {
		p.Networks = named
	}
	return nil
}

// endpointOf is what a container asks of a network.
func endpointOf(name string, es *network.EndpointSettings) netutil.Endpoint {
	e := netutil.Endpoint{Network: name}
	if es == nil {
		return e
	}
	e.MAC, e.Aliases, e.Links, e.Opts, e.GwPriority = es.MacAddress.String(), es.Aliases, es.Links, es.DriverOpts, es.GwPriority
	if es.IPAMConfig != nil {
		e.IPv4, e.IPv6, e.LinkLocal = es.IPAMConfig.IPv4Address, es.IPAMConfig.IPv6Address, es.IPAMConfig.LinkLocalIPs
	}
	return e
}

// asked are the networks that a container is to be in. None were noted for one
// that has its mode's alone.
func (c *Container) asked() map[string]*network.EndpointSettings {
	if c.Networks != nil || !wantsSandbox(c.HostConfig.NetworkMode) {
		return c.Networks
	}
	return map[string]*network.EndpointSettings{networkName(string(c.HostConfig.NetworkMode)): {}}
}

// endpointSettings are what inspect shows of the networks of a running container:
// what it got beside what was asked for.
func (c *Container) endpointSettings(got map[string]*network.EndpointSettings) map[string]*network.EndpointSettings {
	asked := c.asked()
	for name, es := range got {
		want := asked[name]
		if want != nil {
			es.IPAMConfig, es.Links, es.Aliases, es.DriverOpts = want.IPAMConfig, want.Links, want.Aliases, want.DriverOpts
		}
		if container.NetworkMode(name).IsUserDefined() {
			es.DNSNames = c.dnsNames(es.Aliases)
		}
	}
	return got
}

// dnsNames are the names by which others on a network find the container.
func (c *Container) dnsNames(aliases []string) []string {
	var names []string
	for _, name := range slices.Concat([]string{c.Name}, aliases, []string{short(c.ID), c.Config.Hostname}) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// ConnectNetwork puts a container into one more network, at once if it runs.
func (s *Service) ConnectNetwork(ctx context.Context, ref, target string, es *network.EndpointSettings) error {
	n, err := s.cfg.Networks.Network(ctx, ref)
	if err != nil {
		return err
	}
	found, err := s.own(ctx, target, "connect")
	if err != nil {
		return err
	}
	if es == nil {
		es = &network.EndpointSettings{}
	}
	return s.locked(ctx, found.ID, func(c *Container) error {
		if err := connectable(c, n); err != nil {
			return err
		}
		ep := endpointOf(n.Name, es)
		if _, err := s.cfg.Networks.CheckEndpoint(ctx, ep); err != nil {
			return err
		}
		var att *netutil.Attachment
		if c.Running() {
			if att, err = s.cfg.Networks.Connect(ctx, netutil.AttachRequest{ContainerID: c.ID, Name: c.Name, Endpoints: []netutil.Endpoint{ep}}); err != nil {
				return err
			}
		}
		c.Networks = c.asked()
		c.Networks[n.Name] = es
		if err := s.saveRecord(ctx, c); err != nil || att == nil {
			return err
		}
		if err := s.rewired(ctx, c, att); err != nil {
			return err
		}
		s.emitNetworks(ctx, c, events.ActionConnect, map[string]*network.EndpointSettings{n.Name: att.Networks[n.Name]})
		return nil
	})
}

// connectable refuses in Docker's words what has no namespace of its own.
func connectable(c *Container, n *netutil.Network) error {
	mode := c.HostConfig.NetworkMode
	switch {
	case n.Name == netutil.NetworkHost:
		return errorf(errdefs.ErrInvalidArgument, "container cannot be disconnected from host network or connected to host network")
	case n.Name == netutil.NetworkNone || mode.IsNone():
		return errorf(errdefs.ErrInvalidArgument, "container cannot be connected to multiple networks with one of the networks in private (none) mode")
	case !wantsSandbox(mode):
		return errorf(errdefs.ErrInvalidArgument, "container sharing network namespace with another container or host cannot be connected to any other network")
	}
	return nil
}

// DisconnectNetwork takes a container out of a network. With force, what is left
// of a container that does not exist any more is taken away.
func (s *Service) DisconnectNetwork(ctx context.Context, ref, target string, force bool) error {
	name := networkName(ref)
	if n, err := s.cfg.Networks.Network(ctx, ref); err == nil {
		name = n.Name
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	found, err := s.own(ctx, target, "disconnect")
	if errdefs.IsNotFound(err) && force {
		return s.cfg.Networks.Evict(ctx, name, target)
	}
	if err != nil {
		return err
	}
	return s.locked(ctx, found.ID, func(c *Container) error {
		if c.HostConfig.NetworkMode.IsHost() {
			return errorf(errdefs.ErrInvalidArgument, "container cannot be disconnected from host network or connected to host network")
		}
		asked := c.asked()
		if _, in := asked[name]; !in {
			if _, err := s.cfg.Networks.Network(ctx, ref); err != nil {
				return err
			}
			return errorf(errdefs.ErrPermissionDenied, "container %s is not connected to network %s", c.ID, name)
		}
		var att *netutil.Attachment
		if c.Running() {
			if att, err = s.cfg.Networks.Disconnect(ctx, c.ID, name); err != nil {
				return err
			}
		}
		was := c.Status.Networks[name]
		delete(asked, name)
		c.Networks = asked
		if err := s.saveRecord(ctx, c); err != nil || att == nil {
			return err
		}
		if err := s.rewired(ctx, c, att); err != nil {
			return err
		}
		s.emitNetworks(ctx, c, events.ActionDisconnect, map[string]*network.EndpointSettings{name: was})
		return nil
	})
}

// rewired writes down that the networks of a running container have changed.
func (s *Service) rewired(ctx context.Context, c *Container, att *netutil.Attachment) error {
	c.Status.Networks = c.endpointSettings(att.Networks)
	if err := s.writeNetworkFiles(ctx, c, att); err != nil {
		return err
	}
	if err := s.writeForwards(c, att, c.Status.Ports); err != nil {
		return err
	}
	return s.saveStatus(ctx, c)
}

// sharedNamespace is the file of the namespace in the mode ns:PATH, empty in any
// other.
func sharedNamespace(mode container.NetworkMode) string {
	path, ok := strings.CutPrefix(string(mode), namespacePrefix)
	if !ok {
		return ""
	}
	return path
}

// namespacePrefix begins the mode that joins a namespace by its file.
const namespacePrefix = "ns:"

// checkNamespace refuses a path that is no namespace, and settings that would need
// a namespace of the container's own.
func checkNamespace(hc *container.HostConfig) error {
	path := sharedNamespace(hc.NetworkMode)
	switch {
	case path == "":
		if strings.HasPrefix(string(hc.NetworkMode), namespacePrefix) {
			return errorf(errdefs.ErrInvalidArgument, "invalid network mode %q: ns:PATH is expected", hc.NetworkMode)
		}
		return nil
	case len(hc.PortBindings) > 0 || hc.PublishAllPorts:
		return errorf(errdefs.ErrInvalidArgument, "conflicting options: port publishing and the network mode %s", hc.NetworkMode)
	case !exists(path):
		return fmt.Errorf("network namespace %s: there is no such file: %w", path, errdefs.ErrInvalidArgument)
	}
	return nil
}
