package container

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Create makes a container without starting it. An image that is not there is a
// NotFound error: pulling is the caller's decision.
func (s *Service) Create(ctx context.Context, opts CreateOptions) (CreateResult, error) {
	p, err := s.plan(ctx, opts)
	if err != nil {
		return CreateResult{}, err
	}
	l, err := s.lock(ctx, p.ID)
	if err != nil {
		return CreateResult{}, err
	}
	defer func() { _ = l.Release() }()
	var u undo
	defer u.run(ctx, &err)
	if err = s.reserve(ctx, p, &u); err != nil {
		return CreateResult{}, err
	}
	if _, err = s.make(ctx, p, &u); err != nil {
		return CreateResult{}, err
	}
	s.emit(ctx, &p.Container, events.ActionCreate)
	return CreateResult{ID: p.ID, Warnings: p.warnings}, nil
}

// reserve takes the name, the first thing that exists of a container.
func (s *Service) reserve(ctx context.Context, p *plan, u *undo) error {
	u.push(func(context.Context) error { return s.discard(p.ID) })
	if err := s.reserveName(ctx, p.Name, p.ID); err != nil {
		return err
	}
	u.push(func(ctx context.Context) error { return s.releaseName(ctx, p.Name, p.ID) })
	return nil
}

// make creates the root file system, the files and, last, the record that makes
// the container visible. It returns the mounts of the root file system.
func (s *Service) make(ctx context.Context, p *plan, u *undo) ([]mount.Mount, error) {
	leased := leases.WithLease(ctx, leaseID(p.Name))
	rootfs, err := s.prepare(leased, p)
	if err != nil {
		return nil, err
	}
	u.push(func(ctx context.Context) error { return s.removeSnapshot(ctx, &p.Container) })
	usr, err := s.resolveUser(p.Config.User, p.HostConfig.GroupAdd, rootfs, p.img.ChainID)
	if err != nil {
		return nil, err
	}
	release, err := s.makeVolumes(leased, p, rootfs, u)
	defer release()
	if err != nil {
		return nil, err
	}
	if err := s.writeFiles(p); err != nil {
		return nil, err
	}
	in, err := s.specInput(ctx, p, usr)
	if err != nil {
		return nil, err
	}
	if err := s.addInit(p, &in); err != nil {
		return nil, err
	}
	oci, warnings, err := spec.Generate(in)
	if err != nil {
		return nil, err
	}
	if err := s.injectDevices(p.HostConfig.DeviceRequests, oci); err != nil {
		return nil, err
	}
	p.warnings = append(p.warnings, warnings...)
	p.Warnings = p.warnings
	if err := s.publish(leased, p, oci); err != nil {
		return nil, err
	}
	_ = s.keepVolumes(p.ID) // a note that stays is taken away by the removal
	return rootfs, nil
}

// prepare makes the snapshot. That the image is unpacked is not asked: it nearly
// always is, and the failure to prepare tells.
func (s *Service) prepare(ctx context.Context, p *plan) ([]mount.Mount, error) {
	sn := s.cfg.Backend.Snapshots(p.Driver)
	rootfs, err := sn.Prepare(ctx, p.ID, p.img.ChainID)
	if !errdefs.IsNotFound(err) {
		return rootfs, err
	}
	if err := s.cfg.Images.EnsureUnpacked(ctx, p.img, p.Driver); err != nil {
		return nil, err
	}
	return sn.Prepare(ctx, p.ID, p.img.ChainID)
}

func (s *Service) specInput(ctx context.Context, p *plan, usr spec.User) (spec.Input, error) {
	hc := *p.HostConfig
	var err error
	if hc.Resources, err = numberedDevices(hc.Resources); err != nil {
		return spec.Input{}, err
	}
	ns := spec.Namespaces{HostNetwork: p.HostConfig.NetworkMode.IsHost()}
	if wantsSandbox(p.HostConfig.NetworkMode) {
		ns.Network = s.cfg.Layout.Netns(p.ID)
	} else if path := sharedNamespace(p.HostConfig.NetworkMode); path != "" {
		ns.Network = path
	}
	if ns.Shm, err = s.shmSource(ctx, p.ID, p.HostConfig.IpcMode); err != nil {
		return spec.Input{}, err
	}
	p.AppArmor = s.appArmor(p)
	return spec.Input{
		ID: p.ID, Config: p.Config, HostConfig: &hc, Args: p.args, User: usr, Namespaces: ns,
		Mounts: append(s.fileMounts(p), p.binds...), AppArmor: p.AppArmor, CgroupPath: cgroupPath(p), Host: p.host,
	}, nil
}

// appArmor is the profile of a container: the one asked for, or nerd's default
// where the kernel has AppArmor and the profile is loaded.
func (s *Service) appArmor(p *plan) string {
	opts, err := spec.ParseSecurityOpt(p.HostConfig.SecurityOpt)
	if err != nil || opts.AppArmor != "" && p.host.AppArmor {
		return opts.AppArmor // Generate reports the error
	}
	if !p.host.AppArmor || p.HostConfig.Privileged || ctrd.LoadAppArmorProfile() != nil {
		return ""
	}
	return ctrd.AppArmorProfile
}

// cgroupPath puts every container below one group, as a slice where systemd
// makes the groups.
func cgroupPath(p *plan) string {
	parent := p.HostConfig.CgroupParent
	if p.host.SystemdCgroup {
		if parent == "" {
			parent = "system.slice"
		}
		return parent + ":nerd:" + p.ID
	}
	if parent == "" {
		parent = "/nerd"
	}
	return filepath.Join(parent, p.ID)
}

// publish writes the containerd container.
func (s *Service) publish(ctx context.Context, p *plan, oci *specs.Spec) error {
	data, err := json.Marshal(oci)
	if err != nil {
		return err
	}
	p.oci = data
	record, err := encode(p.Record)
	if err != nil {
		return err
	}
	status, err := encode(p.Status)
	if err != nil {
		return err
	}
	info, err := p.runtime.Info()
	if err != nil {
		return err
	}
	_, err = s.store.Create(ctx, containers.Container{
		ID: p.ID, Labels: p.gcLabels(indexLabels(p.Name, p.Config.Labels)), Image: p.img.Name, Runtime: info,
		Spec:        &anypb.Any{TypeUrl: specType, Value: data},
		Snapshotter: p.Driver, SnapshotKey: p.ID,
		Extensions: map[string]typeurl.Any{extRecord: record, extStatus: status},
	})
	if err != nil {
		return fmt.Errorf("creating container %s: %w", p.Name, err)
	}
	return nil
}

// maxLabel is containerd's limit for a label's key and value together.
const maxLabel = 4096

// indexLabels are the labels that filters look at: the name and, where they fit,
// the user's own. The record has all of them.
func indexLabels(name string, user map[string]string) map[string]string {
	out := map[string]string{labelName: name}
	for k, v := range user {
		if len(k)+len(v) <= maxLabel && k != "" && k != labelName && !reservedLabel(k) {
			out[k] = v
		}
	}
	return out
}

// now is the time as Docker shows it.
func now() time.Time { return time.Now().UTC() }

// selfProcess is the identity of this process, for owners.
func selfProcess() state.Process {
	p, _ := state.Self()
	return p
}
