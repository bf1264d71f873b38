package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Run creates and starts a container as one pipeline: its network is wired while
// the root file system is made and the runtime prepares the process.
func (s *Service) Run(ctx context.Context, opts CreateOptions, start StartOptions) (id string, out Outcome, err error) {
	p, err := s.plan(ctx, opts)
	if err != nil {
		return "", Outcome{}, err
	}
	l, err := s.lock(ctx, p.ID)
	if err != nil {
		return "", Outcome{}, err
	}
	unlock := func() { _ = l.Release() }
	var u undo
	if err := s.reserve(ctx, p, &u); err != nil {
		u.run(ctx, &err)
		unlock()
		return "", Outcome{}, err
	}
	st := s.stage(ctx, &p.Container)
	rootfs, err := []mount.Mount(nil), st.heldErr // a port that is taken ends it before anything is made
	if err == nil {
		rootfs, err = s.make(ctx, p, &u)
	}
	if err != nil {
		st.abandon(ctx, &err)
		u.run(ctx, &err)
		unlock()
		return "", Outcome{}, err
	}
	run, err := s.launch(ctx, &p.Container, rootfs, st, start)
	if err != nil {
		err = s.failedStart(ctx, &p.Container, err)
		unlock()
		return p.ID, Outcome{}, err
	}
	unlock()
	if start.Started != nil {
		start.Started()
	}
	out, err = run.follow(ctx)
	return p.ID, out, err
}

// Start starts a container that was created before. Starting a running one is
// no error, as in Docker.
func (s *Service) Start(ctx context.Context, ref string, start StartOptions) (Outcome, error) {
	c, err := s.own(ctx, ref)
	if err != nil {
		return Outcome{}, err
	}
	run, err := s.startByID(ctx, c.ID, start)
	if err != nil || run == nil {
		return Outcome{}, err
	}
	if start.Started != nil {
		start.Started()
	}
	return run.follow(ctx)
}

// startByID starts a container under its lock. A nil running says that it was
// running already and nobody attaches.
func (s *Service) startByID(ctx context.Context, id string, start StartOptions) (*running, error) {
	var run *running
	s.retireMonitor(ctx, id)
	err := s.locked(ctx, id, func(c *Container) error {
		if c.Running() {
			if start.Attach == nil {
				return nil
			}
			var err error
			run, err = s.join(ctx, c, *start.Attach)
			return err
		}
		if err := s.settle(ctx, c); err != nil {
			return err
		}
		rootfs, err := s.cfg.Backend.Snapshots(c.Driver).Mounts(ctx, c.SnapshotKey)
		if err != nil {
			return fmt.Errorf("root file system of container %s: %w", c.Name, err)
		}
		c.Status.StoppedByHand = false
		run, err = s.launch(ctx, c, rootfs, s.stage(ctx, c), start)
		if err != nil {
			return s.failedStart(ctx, c, err)
		}
		return nil
	})
	return run, err
}

// launch creates and starts the task. The caller holds the container's lock.
func (s *Service) launch(ctx context.Context, c *Container, rootfs []mount.Mount, st *stage, start StartOptions) (run *running, err error) {
	defer func() {
		if err != nil {
			st.abandon(ctx, &err)
		}
	}()
	mon, err := st.monitor()
	if err != nil {
		return nil, err
	}
	s.keepAlive(mon, c)
	if err := st.sandbox(); err != nil {
		return nil, err
	}
	pid, err := s.createTask(ctx, c, rootfs)
	if err != nil {
		return nil, err
	}
	run = &running{s: s, c: c, mon: mon, attach: start.Attach}
	if err := s.startTask(ctx, c, st.wiring, run, pid); err != nil {
		_ = s.killTask(context.WithoutCancel(ctx), c.ID)
		return nil, err
	}
	return run, nil
}

// createTask has the runtime prepare the process. A task left by a start that
// was killed is removed and the creation tried again.
func (s *Service) createTask(ctx context.Context, c *Container, rootfs []mount.Mount) (int, error) {
	if c.AppArmor == ctrd.AppArmorProfile { // a reboot empties the kernel's list
		if err := ctrd.LoadAppArmorProfile(); err != nil {
			return 0, fmt.Errorf("AppArmor profile %s: %w", c.AppArmor, err)
		}
	}
	pid, err := s.tasks.Create(ctx, c.ID, rootfs, s.stdio(c))
	if errdefs.IsAlreadyExists(err) {
		if err := s.killTask(ctx, c.ID); err != nil {
			return 0, err
		}
		pid, err = s.tasks.Create(ctx, c.ID, rootfs, s.stdio(c))
	}
	if err != nil {
		return 0, ctrd.StartError(err, c.Path)
	}
	return int(pid), nil
}

// startTask waits for the network and lets the process go. The status is
// written meanwhile; if the start fails, failedStart corrects it.
func (s *Service) startTask(ctx context.Context, c *Container, w *wiring, run *running, pid int) error {
	proc, err := state.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("process of container %s: %w", c.Name, err)
	}
	att, ports, err := w.wait()
	if err != nil {
		return err
	}
	if err := s.writeNetworkFiles(c, att); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), monitor.OOMName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.writeForwards(c, att, ports); err != nil {
		return err
	}
	if err := run.mon.Started(ctx, pid); err != nil {
		return fmt.Errorf("monitor of container %s: %w", c.Name, err)
	}
	if err := run.prepare(ctx); err != nil {
		return err
	}
	c.Status.State, c.Status.Process, c.Status.StartedAt = container.StateRunning, proc, now()
	c.Status.ExitCode, c.Status.Error, c.Status.OOMKilled = 0, "", false
	c.Status.Ports, c.Status.Networks = ports, att.Networks
	var g errgroup.Group
	g.Go(func() error { return s.saveStatus(ctx, c) })
	g.Go(func() error {
		_, err := s.tasks.Start(ctx, c.ID, "")
		return ctrd.StartError(err, c.Path)
	})
	return g.Wait()
}

// failedStart leaves a container that could not start as Docker does: there, in
// state created, with the error; gone if it was to be removed at its end.
func (s *Service) failedStart(ctx context.Context, c *Container, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if c.HostConfig.AutoRemove {
		return errors.Join(cause, s.remove(ctx, c))
	}
	c.Status.State, c.Status.Process, c.Status.FinishedAt = container.StateCreated, state.Process{}, now()
	c.Status.ExitCode, c.Status.Error = errs.Code(cause, 128), firstLine(cause)
	c.Status.Ports, c.Status.Networks = nil, nil
	return errors.Join(cause, s.saveStatus(ctx, c))
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// stdio are the FIFOs between the shim and the monitor.
func (s *Service) stdio(c *Container) ctrd.Stdio {
	dir := s.cfg.Layout.ContainerRun(c.ID)
	io := ctrd.Stdio{Stdout: filepath.Join(dir, monitor.StdoutName), Terminal: c.Config.Tty}
	if !c.Config.Tty {
		io.Stderr = filepath.Join(dir, monitor.StderrName)
	}
	if c.Config.OpenStdin {
		io.Stdin = filepath.Join(dir, monitor.StdinName)
	}
	return io
}

func (s *Service) monitorConfig(c *Container, ports []*os.File) monitor.Config {
	cfg := monitor.Config{
		Binary: s.cfg.Monitor, ID: c.ID, Dir: s.cfg.Layout.ContainerRun(c.ID), TTY: c.Config.Tty,
		OpenStdin: c.Config.OpenStdin, StdinOnce: c.Config.StdinOnce, Helper: s.cfg.Helper, Env: s.cfg.HelperEnv, Ports: ports, MaxFile: 1,
	}
	logOptions(c.HostConfig.LogConfig, s.cfg.Layout.LogFile(c.ID), &cfg)
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
			st.mon, err = monitor.Spawn(ctx, s.monitorConfig(c, held))
		}
		if err != nil && st.heldErr == nil {
			err = fmt.Errorf("starting the monitor of container %s: %w", c.Name, err)
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

func (s *Service) attachRequest(c *Container, held *netutil.Reservation) netutil.AttachRequest {
	req := netutil.AttachRequest{ContainerID: c.ID, Name: c.Name, Hostname: c.Config.Hostname}
	if held != nil {
		req.Ports = held.Ports
	}
	names := make([]string, 0, len(c.Networks))
	for name := range c.Networks {
		names = append(names, name)
	}
	slices.Sort(names)
	if mode := string(c.HostConfig.NetworkMode); len(names) == 0 {
		names = []string{mode}
	} else if i := slices.Index(names, mode); i > 0 { // the mode's network is eth0
		names = slices.Insert(slices.Delete(names, i, i+1), 0, mode)
	}
	for _, name := range names {
		e := netutil.Endpoint{Network: networkName(name)}
		if es := c.Networks[name]; es != nil {
			e.MAC = es.MacAddress.String()
			if es.IPAMConfig != nil {
				e.IPv4, e.IPv6 = es.IPAMConfig.IPv4Address, es.IPAMConfig.IPv6Address
			}
		}
		req.Endpoints = append(req.Endpoints, e)
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

// writeNetworkFiles fills /etc/hosts and /etc/resolv.conf. The files are mounted
// already, so they are written in place.
func (s *Service) writeNetworkFiles(c *Container, att *netutil.Attachment) error {
	dir := s.cfg.Layout.Container(c.ID)
	var addrs []netip.Addr
	var gateway netip.Addr
	for _, e := range att.Networks {
		for _, a := range []netip.Addr{e.IPAddress, e.GlobalIPv6Address} {
			if a.IsValid() {
				addrs = append(addrs, a)
			}
		}
		if e.Gateway.IsValid() {
			gateway = e.Gateway
		}
	}
	hosts, err := netutil.Hosts(c.Config.Hostname, c.Config.Domainname, addrs, hostGateway(c.HostConfig.ExtraHosts, gateway))
	if err != nil {
		return err
	}
	if c.HostConfig.NetworkMode.IsHost() {
		if own, err := os.ReadFile("/etc/hosts"); err == nil {
			hosts = own
		}
	}
	if err := os.WriteFile(filepath.Join(dir, hostsFile), hosts, 0o644); err != nil {
		return err
	}
	resolv, err := resolvConf(c, att)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, resolvFile), resolv, 0o644)
}

// writeForwards tells the monitor where connections lead that reach a published
// port by IPv6.
func (s *Service) writeForwards(c *Container, att *netutil.Attachment, ports []netutil.PublishedPort) error {
	var table strings.Builder
	for _, e := range att.Networks {
		for _, p := range ports {
			if p.Protocol == network.TCP && e.IPAddress.Is4() {
				fmt.Fprintf(&table, "%d %s %d\n", p.HostPort, e.IPAddress, p.ContainerPort)
			}
		}
		if table.Len() > 0 {
			break
		}
	}
	if table.Len() == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.cfg.Layout.ContainerRun(c.ID), monitor.ForwardName), []byte(table.String()), 0o600)
}

// hostGateway replaces the word host-gateway of --add-host by the host's address
// in the container's network.
func hostGateway(extra []string, gateway netip.Addr) []string {
	out := slices.Clone(extra)
	for i, e := range out {
		if name, ok := strings.CutSuffix(e, ":host-gateway"); ok && gateway.IsValid() {
			out[i] = name + ":" + gateway.String()
		}
	}
	return out
}

func resolvConf(c *Container, att *netutil.Attachment) ([]byte, error) {
	host, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	hc := c.HostConfig
	if hc.NetworkMode.IsHost() && len(hc.DNS)+len(hc.DNSSearch)+len(hc.DNSOptions) == 0 {
		return host, nil
	}
	dns := hc.DNS
	if len(dns) == 0 {
		dns = att.DNS
	}
	return netutil.ResolvConf(host, dns, hc.DNSSearch, hc.DNSOptions)
}
