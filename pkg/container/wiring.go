package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

func (s *Service) monitorConfig(c *Container, ports []*os.File) monitor.Config {
	cfg := monitor.Config{
		Binary: s.cfg.Monitor, ID: c.ID, Dir: s.cfg.Layout.ContainerRun(c.ID), TTY: c.Config.Tty,
		OpenStdin: c.Config.OpenStdin, StdinOnce: c.Config.StdinOnce, Helper: s.cfg.Helper, Env: s.cfg.HelperEnv, Ports: ports, MaxFile: 1,
		Health: c.nextCheck(),
	}
	s.logConfig(c, &cfg)
	return cfg
}

// stage is what a container needs around its task, in the making: its network
// and its monitor.
type stage struct {
	*wiring
	mon    *monitor.Client
	monErr error
	ready  chan struct{} // closed when mon or monErr is set
}

// stage begins to wire the network and to start the monitor.
func (s *Service) stage(ctx context.Context, c *Container) *stage {
	st := &stage{wiring: s.wire(ctx, c), ready: make(chan struct{})}
	go func() {
		defer close(st.ready)
		held, err := st.ports()
		if err == nil {
			err = s.checkLogger(ctx, c)
		}
		if err == nil {
			if st.mon, err = monitor.Spawn(ctx, s.monitorConfig(c, held)); err != nil {
				err = fmt.Errorf("starting the monitor of container %s: %w", c.Name, err)
			}
		}
		st.monErr = err
	}()
	return st
}

// monitor waits for the monitor.
func (st *stage) monitor() (*monitor.Client, error) {
	<-st.ready
	return st.mon, st.monErr
}

// abandon takes everything back after another part of the start failed. The
// monitor has nothing to watch and ends.
func (st *stage) abandon(ctx context.Context, err *error) {
	if mon, _ := st.monitor(); mon != nil {
		_ = mon.Done(false)
		_ = mon.Close()
	}
	st.wiring.abandon(ctx, err)
}

// wiring is the network of a container being made, in the background.
type wiring struct {
	s       *Service
	c       *Container
	made    chan error // the namespace is there
	done    chan error // all interfaces are there
	held    *netutil.Reservation
	heldErr error
	att     *netutil.Attachment
	ended   bool
	err     error
}

// wire reserves the host ports at once, because that can fail and costs
// nothing, and makes the rest in the background.
func (s *Service) wire(ctx context.Context, c *Container) *wiring {
	w := &wiring{s: s, c: c, made: make(chan error, 1), done: make(chan error, 1), att: &netutil.Attachment{}}
	mode := c.HostConfig.NetworkMode
	if !wantsSandbox(mode) {
		w.made <- nil
		w.done <- nil
		if mode.IsHost() || mode.IsNone() {
			w.att.Networks = map[string]*network.EndpointSettings{string(mode): {}}
		}
		return w
	}
	ports, err := publishedPorts(c)
	if err == nil && len(ports) > 0 {
		ports, err = s.bindingAddress(ctx, c, ports)
	}
	if err == nil && len(ports) > 0 {
		w.held, err = s.cfg.Networks.ReservePorts(ctx, c.Name, c.ID, ports)
	}
	if err != nil {
		w.heldErr = err
		w.made <- err
		w.done <- err
		return w
	}
	go func() {
		_, err := s.cfg.Networks.NewSandbox(ctx, c.ID)
		w.made <- err
		if err == nil {
			w.att, err = s.cfg.Networks.Attach(ctx, s.attachRequest(c, w.held))
		}
		w.done <- err
	}()
	return w
}

// bindingAddress gives the ports that name no address of the host the one that
// their network has for it.
func (s *Service) bindingAddress(ctx context.Context, c *Container, ports []netutil.PublishedPort) ([]netutil.PublishedPort, error) {
	if !c.HostConfig.NetworkMode.IsUserDefined() {
		return ports, nil
	}
	n, err := s.cfg.Networks.Network(ctx, string(c.HostConfig.NetworkMode))
	if err != nil {
		return nil, err
	}
	addr := n.HostIP()
	for i := range ports {
		if addr.IsValid() && !ports[i].HostIP.IsValid() {
			ports[i].HostIP = addr
		}
	}
	return ports, nil
}

func (s *Service) attachRequest(c *Container, held *netutil.Reservation) netutil.AttachRequest {
	req := netutil.AttachRequest{ContainerID: c.ID, Name: c.Name, Hostname: c.Config.Hostname, DNS: c.HostConfig.DNS}
	if held != nil {
		req.Ports = held.Ports
	}
	asked := c.asked()
	names := slices.Sorted(maps.Keys(asked))
	if i := slices.Index(names, string(c.HostConfig.NetworkMode)); i > 0 { // the mode's network is eth0
		names = slices.Insert(slices.Delete(names, i, i+1), 0, string(c.HostConfig.NetworkMode))
	}
	for _, name := range names {
		req.Endpoints = append(req.Endpoints, endpointOf(networkName(name), asked[name]))
	}
	return req
}

// networkName maps Docker's spellings of the default network to its name.
func networkName(mode string) string {
	if mode == "" || mode == netutil.NetworkDefault {
		return netutil.NetworkBridge
	}
	return mode
}

// ports are the sockets that hold the published ports; the monitor inherits them.
func (w *wiring) ports() ([]*os.File, error) {
	if w.heldErr != nil || w.held == nil {
		return nil, w.heldErr
	}
	return w.held.Files(), nil
}

// sandbox waits until the namespace can be joined.
func (w *wiring) sandbox() error { return <-w.made }

// wait waits until all interfaces are there.
func (w *wiring) wait() (*netutil.Attachment, []netutil.PublishedPort, error) {
	w.finish()
	var ports []netutil.PublishedPort
	if w.held != nil && w.err == nil {
		ports = w.held.Ports
		w.err = w.held.Close() // the monitor has them
	}
	return w.att, ports, w.err
}

func (w *wiring) finish() {
	if !w.ended {
		w.err, w.ended = <-w.done, true
	}
}

// abandon takes the network back after another part of the start failed.
func (w *wiring) abandon(ctx context.Context, err *error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	w.finish()
	if w.held != nil {
		_ = w.held.Close() // closed before when the wait succeeded
	}
	if !wantsSandbox(w.c.HostConfig.NetworkMode) {
		return
	}
	if e := w.s.cfg.Networks.Detach(ctx, w.c.ID); e != nil {
		*err = errors.Join(*err, e)
	}
}
