package compose

import (
	"context"
	"fmt"
	"maps"
	"net/netip"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/volume"
)

func (e *Executor) createNetwork(ctx context.Context, a *Action) error {
	n := a.Network
	hash, err := networkHash(*n)
	if err != nil {
		return err
	}
	labels := map[string]string{LabelProject: e.Project.Name, LabelNetwork: a.NetKey, LabelVersion: e.Version, LabelConfigHash: hash}
	maps.Copy(labels, n.Labels)
	opts := netutil.CreateOptions{
		Name: n.Name, Driver: n.Driver, IPv4: n.EnableIPv4, IPv6: n.EnableIPv6, Internal: n.Internal, Attachable: n.Attachable,
		Labels: labels, Options: n.DriverOpts, IPAM: network.IPAM{Driver: n.Ipam.Driver, Options: n.Ipam.Options},
	}
	for _, pool := range n.Ipam.Config {
		c, err := ipamPool(pool)
		if err != nil {
			return fmt.Errorf("network %s: ipam: %w", a.NetKey, err)
		}
		opts.IPAM.Config = append(opts.IPAM.Config, c)
	}
	_, err = e.Networks.Create(ctx, opts)
	if err != nil {
		return fmt.Errorf("network %s: %w", n.Name, err)
	}
	return nil
}

func ipamPool(pool *types.IPAMPool) (network.IPAMConfig, error) {
	var out network.IPAMConfig
	var err error
	if pool.Subnet != "" {
		if out.Subnet, err = netip.ParsePrefix(pool.Subnet); err != nil {
			return out, err
		}
	}
	if pool.IPRange != "" {
		if out.IPRange, err = netip.ParsePrefix(pool.IPRange); err != nil {
			return out, err
		}
	}
	if pool.Gateway != "" {
		if out.Gateway, err = netip.ParseAddr(pool.Gateway); err != nil {
			return out, err
		}
	}
	for name, text := range pool.AuxiliaryAddresses {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return out, err
		}
		if out.AuxAddress == nil {
			out.AuxAddress = map[string]netip.Addr{}
		}
		out.AuxAddress[name] = addr
	}
	return out, nil
}

func (e *Executor) removeNetwork(ctx context.Context, a *Action) error {
	id := "Network " + a.Name
	e.tell(id, "Removing", false)
	_, err := e.Networks.Remove(ctx, a.Name)
	if err != nil && a.Optional && !errdefs.IsNotFound(err) {
		e.tell(id, "Resource is still in use", true)
		return nil
	}
	if err = gone(err); err != nil {
		return fmt.Errorf("network %s: %w", a.Name, err)
	}
	e.tell(id, "Removed", true)
	return nil
}

func (e *Executor) createVolume(ctx context.Context, a *Action) error {
	hash, err := volumeHash(*a.Volume)
	if err != nil {
		return err
	}
	labels := map[string]string{LabelProject: e.Project.Name, LabelVolume: a.VolKey, LabelVersion: e.Version, LabelConfigHash: hash}
	maps.Copy(labels, a.Volume.Labels)
	_, err = e.Volumes.Create(ctx, volume.CreateOptions{Name: a.Volume.Name, Driver: a.Volume.Driver, Options: a.Volume.DriverOpts, Labels: labels})
	if err != nil {
		return fmt.Errorf("volume %s: %w", a.Volume.Name, err)
	}
	return nil
}

// pull gets an image. If it can be built instead, that is no failure.
func (e *Executor) pull(ctx context.Context, a *Action) error {
	id := a.Service.Name
	if !a.Optional {
		return e.shown(id, "Pulling", "Pulled", func() error { return e.Pull(ctx, a.Service, a.Name) })
	}
	e.tell(id, "Pulling", false)
	err := e.Pull(ctx, a.Service, a.Name)
	switch {
	case err == nil:
		e.tell(id, "Pulled", true)
	case ctx.Err() != nil:
		return err
	default:
		e.tell(id, "Warning "+err.Error(), true)
	}
	return nil
}

// removeImage leaves an image that others use where it is: that is no failure of
// `down`.
func (e *Executor) removeImage(ctx context.Context, ref string) error {
	_, err := e.Images.Remove(ctx, ref, image.RemoveOptions{})
	if errdefs.IsConflict(err) || errdefs.IsFailedPrecondition(err) {
		e.warn(fmt.Sprintf("image %s: %v", ref, err))
		return nil
	}
	return gone(err)
}

// await waits until a service is what another one needs it to be.
func (e *Executor) await(ctx context.Context, a *Action) error {
	list, err := e.Containers.List(ctx, container.ListOptions{All: true, Filters: map[string][]string{"label": {
		LabelProject + "=" + e.Project.Name, LabelService + "=" + a.Name, LabelOneOff + "=False",
	}}})
	if err != nil {
		return err
	}
	for _, s := range list {
		c := observed(s)
		if err = e.awaitOne(ctx, a, &c); err != nil {
			break
		}
	}
	if err == nil && len(list) == 0 && a.Service.GetScale() > 0 {
		err = fmt.Errorf("no containers for service %q", a.Name)
	}
	if err != nil && a.Optional && ctx.Err() == nil {
		e.warn(fmt.Sprintf("optional dependency %q failed to start: %v", a.Name, err))
		return nil
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("dependency failed to start: %w", err)
	}
	return err
}

func (e *Executor) awaitOne(ctx context.Context, a *Action, c *Container) error {
	id := "Container " + c.Name
	if a.Condition == types.ServiceConditionCompletedSuccessfully {
		return e.shown(id, "Waiting", "Exited", func() error {
			code, err := e.Containers.Wait(ctx, c.ID, apicontainer.WaitConditionNotRunning)
			if err == nil && code != 0 {
				err = fmt.Errorf("service %q didn't complete successfully: exit %d", a.Name, code)
			}
			return err
		})
	}
	return e.shown(id, "Waiting", "Healthy", func() error { return e.Containers.WaitFor(ctx, c.ID, container.WaitHealthy) })
}
