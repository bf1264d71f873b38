package container

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/netutil"
)

// Links are how containers of the default bridge, which has no names, find each
// other: a line in /etc/hosts and variables that describe the other's ports. On
// user networks a link is a name that the resolver tells this container alone.

// link is a container that another one knows under an alias.
type link struct {
	alias string
	to    *Container
}

func splitLink(text string) (name, alias string) {
	name, alias, ok := strings.Cut(text, ":")
	name = strings.TrimPrefix(name, "/")
	if !ok || alias == "" {
		alias = name
	}
	return name, alias[strings.LastIndexByte(alias, '/')+1:]
}

// hasLinks tells whether the links of the older kind are in force.
func hasLinks(c *Container) bool {
	return len(c.HostConfig.Links) > 0 && networkName(string(c.HostConfig.NetworkMode)) == netutil.NetworkBridge
}

// checkLinks refuses a link to a container that does not exist or could not be
// reached, in Docker's words.
func (s *Service) checkLinks(ctx context.Context, p *plan) error {
	if !hasLinks(&p.Container) {
		return nil
	}
	for _, text := range p.HostConfig.Links {
		name, _ := splitLink(text)
		other, err := s.find(ctx, name)
		if errdefs.IsNotFound(err) {
			return errorf(errdefs.ErrInvalidArgument, "could not get container for %s: %s", name, err)
		}
		if err != nil {
			return err
		}
		if other.HostConfig.NetworkMode.IsHost() {
			return errorf(errdefs.ErrInvalidArgument, "conflicting options: host type networking can't be used with links. This would result in undefined behavior")
		}
	}
	return nil
}

// links finds the containers that c is linked to; all have to run.
func (s *Service) links(ctx context.Context, c *Container) ([]link, error) {
	if !hasLinks(c) {
		return nil, nil
	}
	var list []link
	for _, text := range c.HostConfig.Links {
		name, alias := splitLink(text)
		other, err := s.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if !other.Running() {
			return nil, errorf(errdefs.ErrFailedPrecondition, "Cannot link to a non running container: /%s AS /%s/%s", other.Name, c.Name, alias)
		}
		list = append(list, link{alias, other})
	}
	return list, nil
}

// bridgeAddr is a container's address on the default bridge.
func bridgeAddr(c *Container) netip.Addr {
	if es := c.Status.Networks[netutil.NetworkBridge]; es != nil {
		return es.IPAddress
	}
	return netip.Addr{}
}

// hostsLines are the entries of /etc/hosts for the links, NAMES:ADDRESS.
func hostsLines(list []link) []netutil.HostsEntry {
	var out []netutil.HostsEntry
	for _, l := range list {
		a := bridgeAddr(l.to)
		if !a.IsValid() {
			continue
		}
		names := []string{l.alias, l.to.Config.Hostname}
		if l.alias != l.to.Name {
			names = append(names, l.to.Name)
		}
		out = append(out, netutil.HostsEntry{Addr: a, Names: names})
	}
	return out
}

// linkEnv writes the variables of the links into the stored specification: they
// hold addresses, which change with each start.
func (s *Service) linkEnv(ctx context.Context, c *Container) error {
	list, err := s.links(ctx, c)
	if err != nil || len(list) == 0 {
		return err
	}
	raw, err := s.store.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	var oci specs.Spec
	if err := json.Unmarshal(raw.Spec.GetValue(), &oci); err != nil {
		return fmt.Errorf("specification of container %s: %w", c.Name, err)
	}
	for _, l := range list {
		prefix := linkPrefix(l.alias)
		oci.Process.Env = slices.DeleteFunc(oci.Process.Env, func(kv string) bool {
			return strings.HasPrefix(kv, prefix+"_PORT") || strings.HasPrefix(kv, prefix+"_NAME=") || strings.HasPrefix(kv, prefix+"_ENV_")
		})
		oci.Process.Env = append(oci.Process.Env, l.variables(c.Name)...)
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

func linkPrefix(alias string) string { return strings.ToUpper(strings.ReplaceAll(alias, "-", "_")) }

// variables describe the other container as Docker does: its first port, then each
// of them, and its environment.
func (l link) variables(own string) []string {
	prefix, addr := linkPrefix(l.alias), bridgeAddr(l.to)
	env := []string{fmt.Sprintf("%s_NAME=/%s/%s", prefix, own, l.alias)}
	ports := slices.Collect(maps.Keys(l.to.Config.ExposedPorts))
	slices.SortFunc(ports, func(a, b network.Port) int {
		return cmp.Or(cmp.Compare(a.Num(), b.Num()), cmp.Compare(a.Proto(), b.Proto()))
	})
	for i, p := range ports {
		url := fmt.Sprintf("%s://%s:%d", p.Proto(), addr, p.Num())
		if i == 0 {
			env = append(env, prefix+"_PORT="+url)
		}
		name := fmt.Sprintf("%s_PORT_%d_%s", prefix, p.Num(), strings.ToUpper(string(p.Proto())))
		env = append(env, name+"="+url, name+"_ADDR="+addr.String(), fmt.Sprintf("%s_PORT=%d", name, p.Num()), name+"_PROTO="+string(p.Proto()))
	}
	for _, kv := range l.to.Config.Env {
		if key, _, ok := strings.Cut(kv, "="); ok && key != "HOME" && key != "PATH" {
			env = append(env, prefix+"_ENV_"+kv)
		}
	}
	return env
}

// linkedDir has a file for each container that is linked to this one, named by its
// id. Whoever starts this one finds there whose /etc/hosts has an old address.
func (s *Service) linkedDir(id string) string {
	return filepath.Join(s.cfg.Layout.Container(id), "linked")
}

// noteLinks tells the containers that c is linked to of c.
func (s *Service) noteLinks(c *Container, list []link) error {
	for _, l := range list {
		dir := s.linkedDir(l.to.ID)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, c.ID), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// updateLinked renews the /etc/hosts of those that are linked to c, which has been
// started with another address. It costs one look where there are none.
func (s *Service) updateLinked(ctx context.Context, c *Container) error {
	entries, err := os.ReadDir(s.linkedDir(c.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		other, err := s.get(ctx, e.Name())
		if errdefs.IsNotFound(err) {
			failed = append(failed, os.Remove(filepath.Join(s.linkedDir(c.ID), e.Name())))
			continue
		}
		if err == nil && other.Running() {
			err = s.writeHosts(ctx, other, nil)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Unlink removes a link, CONTAINER/ALIAS, of a container on the default bridge. Its
// /etc/hosts is written anew; the variables stay until it is started again.
func (s *Service) Unlink(ctx context.Context, ref string) error {
	name, alias, ok := strings.Cut(strings.TrimPrefix(ref, "/"), "/")
	if !ok || alias == "" {
		return errorf(errdefs.ErrInvalidArgument, "Could not get parent %s for link: CONTAINER/ALIAS is expected", ref)
	}
	found, err := s.own(ctx, name, "unlink")
	if err != nil {
		return err
	}
	return s.locked(ctx, found.ID, func(c *Container) error {
		left := slices.DeleteFunc(slices.Clone(c.HostConfig.Links), func(text string) bool {
			_, a := splitLink(text)
			return a == alias
		})
		if len(left) == len(c.HostConfig.Links) {
			return errorf(errdefs.ErrNotFound, "no such link: %s", ref)
		}
		c.HostConfig.Links = left
		if err := s.saveRecord(ctx, c); err != nil || !c.Running() {
			return err
		}
		return s.writeHosts(ctx, c, nil)
	})
}

// shownLinks are the links as inspect shows them: /NAME:/OWN/ALIAS.
func shownLinks(c *Container) *container.HostConfig {
	if !hasLinks(c) {
		return c.HostConfig
	}
	hc := *c.HostConfig
	hc.Links = nil
	for _, text := range c.HostConfig.Links {
		name, alias := splitLink(text)
		hc.Links = append(hc.Links, "/"+name+":/"+c.Name+"/"+alias)
	}
	return &hc
}
