package container

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// emit tells what happened to a container. As in Docker the attributes are its
// labels, its image and its name, and pairs of a key and a value that belong to
// the action, such as "signal", "15".
func (s *Service) emit(ctx context.Context, c *Container, action events.Action, attrs ...string) {
	if s.cfg.Events == nil {
		return
	}
	own := map[string]string{"name": c.Name}
	var labels map[string]string
	if c.Config != nil {
		labels = c.Config.Labels
		if c.Config.Image != "" {
			own["image"] = c.Config.Image
		}
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		own[attrs[i]] = attrs[i+1]
	}
	event.Send(ctx, s.cfg.Events, event.New(events.ContainerEventType, action, c.ID, labels, own))
}

// emitNetworks tells that a container joined or left each of the networks.
func (s *Service) emitNetworks(ctx context.Context, c *Container, action events.Action, networks map[string]*network.EndpointSettings) {
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		var id string
		if ep := networks[name]; ep != nil {
			id = ep.NetworkID
		}
		event.Send(ctx, s.cfg.Events, event.New(events.NetworkEventType, action, id, map[string]string{
			"container": c.ID, "name": name, "type": s.driverOf(ctx, name),
		}))
	}
}

// driverOf is the driver of a network, as far as it can be known without asking
// anything that costs.
func (s *Service) driverOf(ctx context.Context, name string) string {
	switch name {
	case netutil.NetworkHost:
		return "host"
	case netutil.NetworkNone:
		return "null"
	case netutil.NetworkBridge:
		return "bridge"
	}
	if n, err := s.cfg.Networks.Network(ctx, name); err == nil {
		return n.Driver
	}
	return "bridge"
}

// emitEnd tells that a container has ended, in Docker's order: killed for want of
// memory, off its networks and volumes, stopped by a command, dead.
func (s *Service) emitEnd(ctx context.Context, c *Container, stopped bool) {
	st := &c.Status
	if st.OOMKilled {
		s.emit(ctx, c, events.ActionOOM)
	}
	s.emitNetworks(ctx, c, events.ActionDisconnect, st.Networks)
	s.volumesEnded(ctx, c)
	if stopped {
		s.emit(ctx, c, events.ActionStop)
	}
	ran := max(st.FinishedAt.Sub(st.StartedAt), 0)
	s.emit(ctx, c, events.ActionDie, "exitCode", strconv.Itoa(st.ExitCode), "execDuration", strconv.Itoa(int(ran/time.Second)))
}

// emitKill tells that a signal was sent to a container.
func (s *Service) emitKill(ctx context.Context, c *Container, sig syscall.Signal) {
	s.emit(ctx, c, events.ActionKill, "signal", strconv.Itoa(int(sig)))
}

// emitResize tells that the terminal of a container has another size.
func (s *Service) emitResize(ctx context.Context, c *Container, size Size) {
	s.emit(ctx, c, events.ActionResize, "height", strconv.Itoa(int(size.Height)), "width", strconv.Itoa(int(size.Width)))
}

// emit tells what happened to a command that Exec runs. As in Docker the command
// is a part of the action.
func (x *execution) emit(ctx context.Context, action events.Action) {
	line := x.opts.Cmd[0] + " " + strings.Join(x.opts.Cmd[1:], " ")
	x.s.emit(ctx, x.c, action+events.Action(": "+line), "execID", x.id)
}
