package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/container/limits"
	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
)

// specType is how containerd marks an OCI specification in its store.
const specType = "types.containerd.io/opencontainers/runtime-spec/1/Spec"

// UpdateOptions are the changes to a container. What is zero stays as it is.
type UpdateOptions struct {
	Resources     container.Resources
	RestartPolicy container.RestartPolicy
}

// Update changes limits and the restart policy of a container, at once if it runs
// and for every later start. Either all of it is in force and recorded or nothing.
// The warnings are of what the machine cannot limit.
func (s *Service) Update(ctx context.Context, ref string, opts UpdateOptions) ([]string, error) {
	if err := container.ValidateRestartPolicy(opts.RestartPolicy); err != nil {
		return nil, err
	}
	host, err := s.cfg.Host()
	if err != nil {
		return nil, fmt.Errorf("looking at the host: %w", err)
	}
	warnings, err := limits.Check(&opts.Resources, machine(host, opts.Resources), true)
	if err != nil {
		return nil, err
	}
	c, err := s.own(ctx, ref, "update")
	if err != nil {
		return nil, err
	}
	err = s.locked(ctx, c.ID, func(c *Container) error {
		u, err := newUpdate(c, opts)
		if err == nil {
			err = s.applyUpdate(ctx, c, u)
		}
		if err != nil {
			return fmt.Errorf("Cannot update container %s: %w", c.ID, err) //nolint:staticcheck // Docker's text
		}
		s.emit(ctx, c, events.ActionUpdate)
		return nil
	})
	return warnings, err
}

// update is a change that is decided: the container as it will be recorded, and
// what the runtime is told, before and after. Nil: nothing.
type update struct {
	record     Record
	oci        []byte
	live, undo *specs.LinuxResources
}

func newUpdate(c *Container, opts UpdateOptions) (*update, error) {
	hc := *c.HostConfig
	var err error
	if hc.Resources, err = limits.Merge(hc.Resources, opts.Resources); err != nil {
		return nil, err
	}
	if p := opts.RestartPolicy; p.Name != "" {
		if hc.AutoRemove && !p.IsNone() {
			return nil, errorf(errdefs.ErrInvalidArgument, "Restart policy cannot be updated because AutoRemove is enabled for the container")
		}
		hc.RestartPolicy = p
	}
	u := &update{record: c.Record, oci: c.oci}
	u.record.HostConfig = &hc
	if reflect.DeepEqual(hc.Resources, c.HostConfig.Resources) {
		return u, nil
	}
	var s specs.Spec
	if err := json.Unmarshal(c.oci, &s); err != nil {
		return nil, fmt.Errorf("its specification cannot be read: %w", err)
	}
	if s.Linux == nil {
		return nil, errorf(errdefs.ErrInvalidArgument, "it is no Linux container")
	}
	if s.Linux.Resources == nil {
		s.Linux.Resources = &specs.LinuxResources{}
	}
	old := *s.Linux.Resources
	putLimits(s.Linux.Resources, hc.Resources)
	u.live, u.undo = changed(&old, s.Linux.Resources)
	u.oci, err = json.Marshal(&s)
	return u, err
}

// putLimits replaces in r what an update can change. Devices and their rules, the
// limits of single block devices and the rest stay.
func putLimits(r *specs.LinuxResources, hc container.Resources) {
	limits := spec.Resources(hc)
	r.CPU, r.Memory, r.Pids = limits.CPU, limits.Memory, limits.Pids
	if hc.BlkioWeight > 0 {
		var blkio specs.LinuxBlockIO
		if r.BlockIO != nil {
			blkio = *r.BlockIO
		}
		weight := hc.BlkioWeight
		blkio.Weight = &weight
		r.BlockIO = &blkio
	}
}

// changed is what a runtime has to be told to come from one set of limits to
// another, and back.
func changed(from, to *specs.LinuxResources) (there, back *specs.LinuxResources) {
	there, back = &specs.LinuxResources{}, &specs.LinuxResources{}
	if !reflect.DeepEqual(from.CPU, to.CPU) {
		there.CPU, back.CPU = to.CPU, noCPULimit(from.CPU)
	}
	if !reflect.DeepEqual(from.Memory, to.Memory) {
		there.Memory, back.Memory = to.Memory, noMemoryLimit(from.Memory)
	}
	if !reflect.DeepEqual(from.Pids, to.Pids) {
		there.Pids, back.Pids = to.Pids, from.Pids
		if from.Pids == nil {
			none := int64(-1)
			back.Pids = &specs.LinuxPids{Limit: &none}
		}
	}
	if !reflect.DeepEqual(from.BlockIO, to.BlockIO) {
		there.BlockIO = &specs.LinuxBlockIO{Weight: to.BlockIO.Weight}
		back.BlockIO = from.BlockIO
	}
	return there, back
}

// noCPULimit says outright what a specification says by leaving it out.
func noCPULimit(cpu *specs.LinuxCPU) *specs.LinuxCPU {
	var out specs.LinuxCPU
	if cpu != nil {
		out = *cpu
	}
	if out.Quota == nil {
		none := int64(-1)
		out.Quota = &none
	}
	if out.Shares == nil {
		usual := uint64(1024)
		out.Shares = &usual
	}
	return &out
}

func noMemoryLimit(m *specs.LinuxMemory) *specs.LinuxMemory {
	var out specs.LinuxMemory
	if m != nil {
		out = *m
	}
	none := int64(-1)
	for _, limit := range []**int64{&out.Limit, &out.Swap, &out.Reservation} {
		if *limit == nil {
			*limit = &none
		}
	}
	return &out
}

// applyUpdate tells the runtime and then records. What could not be recorded is
// taken back.
func (s *Service) applyUpdate(ctx context.Context, c *Container, u *update) error {
	live := u.live != nil && c.Running()
	if live {
		if err := s.tasks.Update(ctx, c.ID, u.live); err != nil {
			return ctrd.UpdateError(err)
		}
	}
	err := s.saveUpdate(ctx, u)
	if err != nil && live {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		err = errors.Join(err, ctrd.UpdateError(s.tasks.Update(undo, c.ID, u.undo)))
	}
	return err
}

// saveUpdate publishes the record and the specification in one step.
func (s *Service) saveUpdate(ctx context.Context, u *update) error {
	record, err := encode(u.record)
	if err != nil {
		return err
	}
	_, err = s.store.Update(ctx, containers.Container{
		ID: u.record.ID, Spec: &anypb.Any{TypeUrl: specType, Value: u.oci}, Extensions: map[string]typeurl.Any{extRecord: record},
	}, "spec", "extensions."+extRecord)
	return err
}
