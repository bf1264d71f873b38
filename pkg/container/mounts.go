package container

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
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

// planMounts reads -v and --mount. Nothing is made here.
func (s *Service) planMounts(p *plan) error {
	for _, b := range p.HostConfig.Binds {
		m, point, err := parseBind(b)
		if err != nil {
			return err
		}
		p.binds, p.Mounts = append(p.binds, m), append(p.Mounts, point)
	}
	for _, mt := range p.HostConfig.Mounts {
		m, point, err := planMount(mt)
		if err != nil {
			return err
		}
		p.binds, p.Mounts = append(p.binds, m), append(p.Mounts, point)
	}
	var targets []string
	for target := range p.HostConfig.Tmpfs {
		clean, err := mountTarget(target)
		if err != nil {
			return err
		}
		targets = append(targets, clean)
	}
	for _, m := range p.binds {
		targets = append(targets, m.Destination)
	}
	slices.Sort(targets)
	for i, target := range targets[:max(len(targets)-1, 0)] {
		if target == targets[i+1] {
			return errorf(errdefs.ErrInvalidArgument, "Duplicate mount point: %s", target)
		}
	}
	return nil
}

// parseBind reads one entry of HostConfig.Binds, SOURCE:TARGET[:OPTIONS].
func parseBind(text string) (specs.Mount, container.MountPoint, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return specs.Mount{}, container.MountPoint{}, errorf(errdefs.ErrInvalidArgument, "invalid volume specification: '%s'", text)
	}
	if !filepath.IsAbs(parts[0]) {
		return specs.Mount{}, container.MountPoint{}, errorf(errdefs.ErrInvalidArgument,
			"named volumes are not supported yet (%q): give an absolute path", parts[0])
	}
	mode := ""
	if len(parts) == 3 {
		mode = parts[2]
	}
	opts, propagation, rw, err := bindMode(mode)
	if err != nil {
		return specs.Mount{}, container.MountPoint{}, fmt.Errorf("invalid volume specification '%s': %w", text, err)
	}
	return bindMount(parts[0], parts[1], mode, opts, propagation, rw)
}

func bindMount(source, target, mode string, opts []string, propagation mount.Propagation, rw bool) (specs.Mount, container.MountPoint, error) {
	target, err := mountTarget(target)
	if err != nil {
		return specs.Mount{}, container.MountPoint{}, err
	}
	return specs.Mount{Destination: target, Type: "bind", Source: filepath.Clean(source), Options: opts},
		container.MountPoint{Type: mount.TypeBind, Source: filepath.Clean(source), Destination: target, Mode: mode, RW: rw, Propagation: propagation}, nil
}

// mountTarget checks and cleans the place of a mount in the container.
func mountTarget(target string) (string, error) {
	clean := filepath.Clean(target)
	if !filepath.IsAbs(target) {
		return "", errorf(errdefs.ErrInvalidArgument, "invalid mount path: '%s' mount path must be absolute", target)
	}
	if clean == "/" {
		return "", errorf(errdefs.ErrInvalidArgument, "invalid specification: destination can't be '/'")
	}
	return clean, nil
}

// bindModes are the words of the third field of -v, by what they set; of each
// kind one may be given.
var bindModes = map[string]string{
	"ro": "access", "rw": "access", "z": "label", "Z": "label", "cached": "consistency", "delegated": "consistency", "consistent": "consistency",
	"private": "propagation", "rprivate": "propagation", "shared": "propagation", "rshared": "propagation", "slave": "propagation", "rslave": "propagation",
	"rbind": "recursion", "bind-nonrecursive": "recursion",
}

// bindMode turns the third field of -v into mount options.
func bindMode(mode string) (opts []string, propagation mount.Propagation, rw bool, err error) {
	rw, propagation = true, mount.PropagationRPrivate
	recursive := "rbind"
	var words []string
	if mode != "" {
		words = strings.Split(mode, ",")
	}
	seen := map[string]bool{}
	for _, o := range words {
		kind, known := bindModes[o]
		if !known || seen[kind] {
			return nil, "", false, errorf(errdefs.ErrInvalidArgument, "invalid mode: %s", mode)
		}
		seen[kind] = true
		switch {
		case o == "ro":
			rw = false
		case kind == "propagation":
			propagation = mount.Propagation(o)
		case o == "bind-nonrecursive":
			recursive = "bind"
		}
	}
	opts = []string{recursive, string(propagation)}
	if !rw {
		opts = append(opts, "ro")
	}
	return opts, propagation, rw, nil
}

// planMount reads one --mount. Unlike -v, it wants the source to exist.
func planMount(m mount.Mount) (specs.Mount, container.MountPoint, error) {
	switch m.Type {
	case mount.TypeBind:
		return planBind(m)
	case mount.TypeTmpfs:
		target, err := mountTarget(m.Target)
		if err != nil {
			return specs.Mount{}, container.MountPoint{}, err
		}
		opts := []string{"noexec", "nosuid", "nodev"}
		if m.ReadOnly {
			opts = append(opts, "ro")
		}
		if t := m.TmpfsOptions; t != nil {
			if t.SizeBytes > 0 {
				opts = append(opts, "size="+strconv.FormatInt(t.SizeBytes, 10))
			}
			if t.Mode != 0 {
				opts = append(opts, fmt.Sprintf("mode=%o", t.Mode))
			}
		}
		return specs.Mount{Destination: target, Type: "tmpfs", Source: "tmpfs", Options: opts},
			container.MountPoint{Type: mount.TypeTmpfs, Destination: target, RW: !m.ReadOnly}, nil
	}
	return specs.Mount{}, container.MountPoint{}, errorf(errdefs.ErrInvalidArgument, "mount type %q is not supported yet: use bind or tmpfs", m.Type)
}

func planBind(m mount.Mount) (specs.Mount, container.MountPoint, error) {
	propagation, recursive, create := mount.PropagationRPrivate, "rbind", false
	if b := m.BindOptions; b != nil {
		if b.Propagation != "" {
			propagation = b.Propagation
		}
		if b.NonRecursive {
			recursive = "bind"
		}
		create = b.CreateMountpoint
	}
	if !filepath.IsAbs(m.Source) {
		return specs.Mount{}, container.MountPoint{}, errorf(errdefs.ErrInvalidArgument,
			"invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be absolute", m.Source)
	}
	if _, err := os.Stat(m.Source); errors.Is(err, fs.ErrNotExist) && !create {
		return specs.Mount{}, container.MountPoint{}, errorf(errdefs.ErrInvalidArgument,
			"invalid mount config for type \"bind\": bind source path does not exist: %s", m.Source)
	}
	opts := []string{recursive, string(propagation)}
	if m.ReadOnly {
		opts = append(opts, "ro")
	}
	return bindMount(m.Source, m.Target, "", opts, propagation, !m.ReadOnly)
}

// makeBindSource makes the folder that -v names if there is nothing, as dockerd does.
func makeBindSource(bind string) error {
	source, _, _ := strings.Cut(bind, ":")
	if _, err := os.Lstat(source); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(source, 0o755); err != nil {
		return fmt.Errorf("error while creating mount source path '%s': %w", source, err)
	}
	return nil
}

func reservedLabel(key string) bool {
	return strings.HasPrefix(key, "containerd.io/") || strings.HasPrefix(key, "io.containerd.") || strings.HasPrefix(key, "nerd/")
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
	return !mode.IsHost() && !mode.IsNone() && !mode.IsContainer()
}
