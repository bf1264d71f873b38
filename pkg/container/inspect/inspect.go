// Package inspect turns what is known of a container into the shapes of
// Docker's API. It is pure: the same input gives the same JSON.
package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

// Container is what is known of a container, whatever store it comes from.
type Container struct {
	ID, Name      string
	Created       time.Time
	Path          string
	Args          []string
	ImageRef      string
	ImageID       string
	Platform      string
	Driver        string
	AppArmor      string
	Config        *container.Config
	HostConfig    *container.HostConfig
	Mounts        []container.MountPoint
	AskedNetworks map[string]*network.EndpointSettings
	Networks      map[string]*network.EndpointSettings
	Ports         []netutil.PublishedPort

	State        container.ContainerState
	PID          int
	ExitCode     int
	OOMKilled    bool
	Error        string
	StartedAt    time.Time
	FinishedAt   time.Time
	RestartCount int
	Health       *container.Health // nil: it has no health check, or was never started
}

// Files are the paths that inspect shows.
type Files struct{ ResolvConf, Hostname, Hosts, Log string }

// Summary is one row of `docker ps`.
func Summary(c Container, now time.Time) container.Summary {
	s := container.Summary{
		ID: c.ID, Names: []string{"/" + c.Name}, Image: c.ImageRef, ImageID: c.ImageID, Command: command(c),
		Created: c.Created.Unix(), Ports: Ports(c), Labels: c.Config.Labels, State: c.State, Status: StatusText(c, now),
		Mounts: c.Mounts, NetworkSettings: &container.NetworkSettingsSummary{Networks: networks(c)},
	}
	health := HealthOf(c)
	s.Health = &health
	s.HostConfig.NetworkMode = string(c.HostConfig.NetworkMode)
	s.HostConfig.Annotations = c.HostConfig.Annotations
	return s
}

func command(c Container) string {
	words := []string{c.Path} // which dockerd does not quote
	for _, a := range c.Args {
		if strings.Contains(a, " ") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// StateUnknown is the state of a container that another client made and whose
// shim does not answer. Docker has none such.
const StateUnknown container.ContainerState = "unknown"

// StatusText is the STATUS column of `docker ps`.
func StatusText(c Container, now time.Time) string {
	switch c.State {
	case container.StateRunning:
		return "Up " + units.HumanDuration(now.Sub(c.StartedAt)) + healthText(c)
	case container.StatePaused:
		return "Up " + units.HumanDuration(now.Sub(c.StartedAt)) + " (Paused)"
	case container.StateRestarting:
		return fmt.Sprintf("Restarting (%d) %s ago", c.ExitCode, units.HumanDuration(now.Sub(c.FinishedAt)))
	case container.StateExited:
		if c.FinishedAt.IsZero() {
			return ""
		}
		return fmt.Sprintf("Exited (%d) %s ago", c.ExitCode, units.HumanDuration(now.Sub(c.FinishedAt)))
	case container.StateDead:
		return "Dead"
	case StateUnknown:
		return "Unknown"
	}
	return "Created"
}

// healthText is what the STATUS column says of a running container's health.
func healthText(c Container) string {
	switch h := HealthOf(c); h.Status {
	case container.NoHealthcheck:
		return ""
	case container.Starting:
		return " (health: starting)"
	default:
		return " (" + string(h.Status) + ")"
	}
}

// HealthOf is a container's health without the results of the checks.
func HealthOf(c Container) container.HealthSummary {
	if c.Health == nil {
		return container.HealthSummary{Status: container.NoHealthcheck}
	}
	return container.HealthSummary{Status: c.Health.Status, FailingStreak: c.Health.FailingStreak}
}

// Ports lists published and exposed ports, published ones once for each address
// family they answer on, as dockerd does.
func Ports(c Container) []container.PortSummary {
	out := []container.PortSummary{}
	published := map[string]bool{}
	for _, p := range c.Ports {
		published[fmt.Sprint(p.ContainerPort, p.Protocol)] = true
		for _, ip := range hostIPs(p) {
			out = append(out, container.PortSummary{IP: ip, PrivatePort: p.ContainerPort, PublicPort: p.HostPort, Type: string(p.Protocol)})
		}
	}
	if c.PID == 0 {
		return out
	}
	for p := range c.Config.ExposedPorts {
		if !published[fmt.Sprint(p.Num(), p.Proto())] {
			out = append(out, container.PortSummary{PrivatePort: p.Num(), Type: string(p.Proto())})
		}
	}
	slices.SortStableFunc(out, func(a, b container.PortSummary) int {
		return cmp.Or(cmp.Compare(a.PrivatePort, b.PrivatePort), cmp.Compare(a.Type, b.Type))
	})
	return out
}

func hostIPs(p netutil.PublishedPort) []netip.Addr {
	if p.HostIP.IsValid() {
		return []netip.Addr{p.HostIP}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// networks are the attached networks, or those asked for while it does not run.
func networks(c Container) map[string]*network.EndpointSettings {
	if len(c.Networks) > 0 {
		return c.Networks
	}
	out := map[string]*network.EndpointSettings{}
	maps.Copy(out, c.AskedNetworks)
	if mode := string(c.HostConfig.NetworkMode); len(out) == 0 && mode != "" && !c.HostConfig.NetworkMode.IsContainer() {
		if mode == netutil.NetworkDefault {
			mode = netutil.NetworkBridge
		}
		out[mode] = &network.EndpointSettings{}
	}
	return out
}

// Response is the JSON of `docker inspect`.
func Response(c Container, f Files) container.InspectResponse {
	return container.InspectResponse{
		ID: c.ID, Created: c.Created.Format(time.RFC3339Nano), Path: c.Path, Args: nonNil(c.Args), State: stateOf(c),
		Image: c.ImageID, ResolvConfPath: f.ResolvConf, HostnamePath: f.Hostname, HostsPath: f.Hosts, LogPath: f.Log,
		Name: "/" + c.Name, RestartCount: c.RestartCount, Driver: c.Driver, Platform: osOf(c.Platform),
		AppArmorProfile: c.AppArmor, HostConfig: c.HostConfig, Mounts: nonNil(c.Mounts), Config: c.Config,
		GraphDriver:     &storage.DriverData{Name: c.Driver},
		NetworkSettings: settings(c),
	}
}

func stateOf(c Container) *container.State {
	paused, restarting := c.State == container.StatePaused, c.State == container.StateRestarting
	h := c.Health
	if h != nil && h.Log == nil { // an empty list, not null
		h = &container.Health{Status: h.Status, FailingStreak: h.FailingStreak, Log: []*container.HealthcheckResult{}}
	}
	return &container.State{
		Health: h, Status: c.State, Running: c.State == container.StateRunning || paused || restarting, Paused: paused, Restarting: restarting,
		OOMKilled: c.OOMKilled, Dead: c.State == container.StateDead, Pid: c.PID, ExitCode: c.ExitCode, Error: c.Error,
		StartedAt: c.StartedAt.UTC().Format(time.RFC3339Nano), FinishedAt: c.FinishedAt.UTC().Format(time.RFC3339Nano),
	}
}

func settings(c Container) *container.NetworkSettings {
	s := &container.NetworkSettings{Networks: networks(c)}
	s.Ports = PortMap(c)
	return s
}

// PortMap is the table of `docker port` and of NetworkSettings.Ports: a port
// that is only exposed has no bindings.
func PortMap(c Container) network.PortMap {
	out := network.PortMap{}
	if c.PID == 0 {
		return out
	}
	for p := range c.Config.ExposedPorts {
		out[p] = nil
	}
	for _, p := range c.Ports {
		port, ok := network.PortFrom(p.ContainerPort, p.Protocol)
		if !ok {
			continue
		}
		for _, ip := range hostIPs(p) {
			out[port] = append(out[port], network.PortBinding{HostIP: ip, HostPort: strconv.Itoa(int(p.HostPort))})
		}
	}
	return out
}

func osOf(platform string) string {
	os, _, _ := strings.Cut(platform, "/")
	return os
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
