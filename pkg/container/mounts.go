package container

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

// Files that are made for each container and mounted into it.
const (
	hostnameFile = "hostname"
	hostsFile    = "hosts"
	resolvFile   = "resolv.conf"
)

// fileMounts are the mounts of the generated files, unless the user mounts
// something of their own there.
func (s *Service) fileMounts(p *plan) []specs.Mount {
	dir := s.cfg.Layout.Container(cmp.Or(p.FilesOf, p.ID))
	var out []specs.Mount
	for _, name := range []string{resolvFile, hostnameFile, hostsFile} {
		target := "/etc/" + name
		if slices.ContainsFunc(p.binds, func(m specs.Mount) bool { return m.Destination == target }) {
			continue
		}
		opts := []string{"rbind", "rprivate"}
		if p.HostConfig.ReadonlyRootfs {
			opts = append(opts, "ro")
		}
		out = append(out, specs.Mount{Destination: target, Type: "bind", Source: filepath.Join(dir, name), Options: opts})
	}
	return out
}

// reservedLabel tells keys that mean something to containerd, its plugins or
// another client: a label of an image must not become an order to them.
func reservedLabel(key string) bool {
	return slices.ContainsFunc([]string{
		"containerd.io/", "io.containerd.", "io.cri-containerd.", "io.kubernetes.", "com.docker/", "nerdctl/", "nerd/",
	}, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// exposedPorts joins the image's EXPOSE with --expose and -p.
func exposedPorts(image map[string]struct{}, own network.PortSet) (network.PortSet, error) {
	out := network.PortSet{}
	for text := range image {
		port, err := network.ParsePort(text)
		if err != nil {
			return nil, errorf(errdefs.ErrInvalidArgument, "the image exposes an invalid port %q", text)
		}
		out[port] = struct{}{}
	}
	for port := range own {
		out[port] = struct{}{}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// publishedPorts lists the host ports that a container asks for, in a stable order.
func publishedPorts(c *Container) ([]netutil.PublishedPort, error) {
	var out []netutil.PublishedPort
	for port, bindings := range c.HostConfig.PortBindings {
		for _, b := range bindings {
			start, end, err := hostPorts(b.HostPort)
			if err != nil {
				return nil, err
			}
			out = append(out, netutil.PublishedPort{
				HostIP: b.HostIP, HostPort: start, HostPortEnd: end, ContainerPort: port.Num(), Protocol: port.Proto(),
			})
		}
	}
	if c.HostConfig.PublishAllPorts {
		for port := range c.Config.ExposedPorts {
			if _, bound := c.HostConfig.PortBindings[port]; !bound {
				out = append(out, netutil.PublishedPort{ContainerPort: port.Num(), Protocol: port.Proto()})
			}
		}
	}
	slices.SortFunc(out, func(a, b netutil.PublishedPort) int {
		return strings.Compare(portKey(a), portKey(b))
	})
	return out, nil
}

func portKey(p netutil.PublishedPort) string {
	return fmt.Sprintf("%05d/%s %s:%05d", p.ContainerPort, p.Protocol, p.HostIP, p.HostPort)
}

// hostPorts reads the host side of a port binding: nothing, a port, or a range
// from which one free port is taken.
func hostPorts(text string) (start, end uint16, err error) {
	if text == "" || text == "0" {
		return 0, 0, nil
	}
	a, b, isRange := strings.Cut(text, "-")
	first, err := strconv.ParseUint(a, 10, 16)
	if err != nil {
		return 0, 0, errorf(errdefs.ErrInvalidArgument, "invalid hostPort: %s", text)
	}
	if !isRange {
		return uint16(first), 0, nil
	}
	last, err := strconv.ParseUint(b, 10, 16)
	if err != nil || last < first {
		return 0, 0, errorf(errdefs.ErrInvalidArgument, "invalid hostPort: %s", text)
	}
	return uint16(first), uint16(last), nil
}

// wantsSandbox tells whether nerd makes the network namespace.
func wantsSandbox(mode container.NetworkMode) bool {
	return !mode.IsHost() && !mode.IsNone() && !mode.IsContainer() && sharedNamespace(mode) == ""
}
