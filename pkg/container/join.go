package container

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"
)

// joinPrefix begins the modes that join another container's namespace.
const joinPrefix = "container:"

// planJoins finds the containers whose namespaces are to be joined, notes their
// ids in place of what was typed, and refuses settings that belong to the other
// container then. own is the configuration as asked for.
func (s *Service) planJoins(ctx context.Context, p *plan, own *container.Config) error {
	if err := checkShared(own, p); err != nil {
		return err
	}
	hc := p.HostConfig
	if hc.NetworkMode.IsContainer() {
		other, err := s.joined(ctx, hc.NetworkMode.ConnectedContainer())
		if err != nil {
			return err
		}
		hc.NetworkMode = container.NetworkMode(joinPrefix + other.ID)
		if !other.Foreign {
			p.FilesOf = cmp.Or(other.FilesOf, other.ID)
			p.Config.Hostname, p.Config.Domainname = other.Config.Hostname, other.Config.Domainname
		}
	}
	if hc.PidMode.IsContainer() {
		other, err := s.joined(ctx, hc.PidMode.Container())
		if err != nil {
			return err
		}
		hc.PidMode = container.PidMode(joinPrefix + other.ID)
	}
	if hc.IpcMode.IsContainer() {
		other, err := s.joined(ctx, hc.IpcMode.Container())
		if err != nil {
			return err
		}
		hc.IpcMode = container.IpcMode(joinPrefix + other.ID)
	}
	return nil
}

func (s *Service) joined(ctx context.Context, ref string) (*Container, error) {
	if ref == "" {
		return nil, errorf(errdefs.ErrInvalidArgument, "invalid container format container:<name|id>")
	}
	return s.find(ctx, ref)
}

// checkShared refuses settings of what the container shares, in Docker's words.
func checkShared(own *container.Config, p *plan) error {
	hc := p.HostConfig
	conflict := func(what string) error {
		return errorf(errdefs.ErrInvalidArgument, "conflicting options: %s", what)
	}
	if hc.UTSMode.IsHost() {
		switch {
		case own.Hostname != "":
			return conflict("hostname and the UTS mode")
		case own.Domainname != "":
			return conflict("domainname and the UTS mode")
		}
	}
	if !hc.NetworkMode.IsContainer() {
		return nil
	}
	for _, e := range p.Networks {
		if e != nil && len(e.MacAddress) > 0 {
			return conflict("mac-address and the network mode")
		}
	}
	switch {
	case own.Hostname != "":
		return conflict("hostname and the network mode")
	case own.Domainname != "":
		return conflict("domainname and the network mode")
	case len(hc.Links) > 0:
		return conflict("container type network can't be used with links. This would result in undefined behavior")
	case len(hc.DNS)+len(hc.DNSSearch)+len(hc.DNSOptions) > 0:
		return conflict("dns and the network mode")
	case len(hc.ExtraHosts) > 0:
		return conflict("custom host-to-IP mapping and the network mode")
	case len(hc.PortBindings) > 0 || hc.PublishAllPorts:
		return conflict("port publishing and the container type network mode")
	case len(own.ExposedPorts) > 0:
		return conflict("port exposing and the container type network mode")
	}
	return nil
}

// joins tells whether a container joins a namespace of another one.
func joins(hc *container.HostConfig) bool {
	return hc.NetworkMode.IsContainer() || hc.PidMode.IsContainer() || hc.IpcMode.IsContainer()
}

// joinNamespaces puts the namespaces of the containers that c joins into its
// specification: their paths change each time those are started. still tells,
// once c's process is in them, whether they are still those containers': a pid
// could have been given to another process in between.
func (s *Service) joinNamespaces(ctx context.Context, c *Container) (still func() error, err error) {
	if err := s.mountShm(c); err != nil {
		return nil, err
	}
	if !joins(c.HostConfig) {
		return func() error { return nil }, nil
	}
	paths := map[specs.LinuxNamespaceType]string{}
	var others []func() error
	for _, j := range []struct {
		wanted bool
		ref    string
		find   func(context.Context, string) (*Container, error)
		kind   specs.LinuxNamespaceType
		file   string
	}{
		{c.HostConfig.NetworkMode.IsContainer(), c.HostConfig.NetworkMode.ConnectedContainer(), s.networkDonor, specs.NetworkNamespace, "net"},
		{c.HostConfig.PidMode.IsContainer(), c.HostConfig.PidMode.Container(), s.pidDonor, specs.PIDNamespace, "pid"},
		{c.HostConfig.IpcMode.IsContainer(), c.HostConfig.IpcMode.Container(), s.ipcDonor, specs.IPCNamespace, "ipc"},
	} {
		if !j.wanted {
			continue
		}
		other, err := j.find(ctx, j.ref)
		if err != nil {
			return nil, err
		}
		paths[j.kind] = s.namespacePath(other, j.file)
		others = append(others, func() error {
			if !other.Running() {
				return errorf(errdefs.ErrFailedPrecondition, "container %s ended while container %s was joining it", other.ID, c.Name)
			}
			return nil
		})
	}
	still = func() error {
		for _, o := range others {
			if err := o(); err != nil {
				return err
			}
		}
		return nil
	}
	return still, s.setNamespaces(ctx, c, paths)
}

// namespacePath is the file of a running container's namespace.
func (s *Service) namespacePath(c *Container, file string) string {
	if file == "net" && !c.Foreign && wantsSandbox(c.HostConfig.NetworkMode) {
		return s.cfg.Layout.Netns(c.ID)
	}
	return fmt.Sprintf("/proc/%d/ns/%s", c.Status.Process.PID, file)
}

// setNamespaces writes paths into the stored specification.
func (s *Service) setNamespaces(ctx context.Context, c *Container, paths map[specs.LinuxNamespaceType]string) error {
	var oci specs.Spec
	if err := json.Unmarshal(c.oci, &oci); err != nil {
		return fmt.Errorf("specification of container %s: %w", c.Name, err)
	}
	for i, ns := range oci.Linux.Namespaces {
		if path, ok := paths[ns.Type]; ok {
			oci.Linux.Namespaces[i].Path = path
		}
	}
	data, err := json.Marshal(oci)
	if err != nil {
		return err
	}
	_, err = s.store.Update(ctx, containers.Container{ID: c.ID, Spec: &anypb.Any{TypeUrl: specType, Value: data}}, "spec")
	if err != nil {
		return fmt.Errorf("writing the specification of container %s: %w", c.Name, err)
	}
	c.oci = data
	return nil
}

// running finds a container to be joined; not says in Docker's words that it
// does not run.
func (s *Service) running(ctx context.Context, ref string, not func(id string) error) (*Container, error) {
	c, err := s.find(ctx, ref)
	switch {
	case err != nil:
		return nil, err
	case c.Status.State == container.StateRestarting:
		return nil, errorf(errdefs.ErrFailedPrecondition, "Container %s is restarting, wait until the container is running", c.ID)
	case !c.Running():
		return nil, not(c.ID)
	}
	return c, nil
}

func (s *Service) networkDonor(ctx context.Context, ref string) (*Container, error) {
	return s.running(ctx, ref, func(id string) error {
		return errorf(errdefs.ErrFailedPrecondition, "cannot join network of a non running container: %s", id)
	})
}

func (s *Service) pidDonor(ctx context.Context, ref string) (*Container, error) {
	return s.running(ctx, ref, func(id string) error {
		return errorf(errdefs.ErrFailedPrecondition, "failed to join PID namespace: container %s is not running", id)
	})
}

// ipcDonor wants a container that lets others in: --ipc shareable, the host's, or
// one that is itself a guest of such.
func (s *Service) ipcDonor(ctx context.Context, ref string) (*Container, error) {
	c, err := s.running(ctx, ref, func(id string) error {
		return errorf(errdefs.ErrFailedPrecondition, "failed to join IPC namespace: container %s is not running", id)
	})
	if err != nil {
		return nil, err
	}
	if m := c.HostConfig.IpcMode; c.Foreign || !m.IsShareable() && !m.IsHost() && !m.IsContainer() {
		return nil, errorf(errdefs.ErrInvalidArgument,
			"failed to join IPC namespace: container %s: non-shareable IPC (hint: use IpcMode:shareable for the donor container)", c.ID)
	}
	return c, nil
}

// shmDir is where a container's shared memory is mounted on the host, so that
// others can have it as well.
func (s *Service) shmDir(id string) string {
	return filepath.Join(s.cfg.Layout.ContainerRun(id), "shm")
}

// shmSource is the folder of the host that becomes /dev/shm of a container; empty
// for one that has its own, which is not on the host.
func (s *Service) shmSource(ctx context.Context, id string, mode container.IpcMode) (string, error) {
	for mode.IsContainer() {
		other, err := s.find(ctx, mode.Container())
		if err != nil {
			return "", err
		}
		if id, mode = other.ID, other.HostConfig.IpcMode; mode.IsHost() {
			return "/dev/shm", nil
		}
		if !mode.IsContainer() { // whether it is shareable is seen at the start
			return s.shmDir(id), nil
		}
	}
	if mode.IsShareable() {
		return s.shmDir(id), nil
	}
	return "", nil
}
