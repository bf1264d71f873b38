package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
)

// plan is a container that is fully decided but of which nothing exists yet.
type plan struct {
	Container
	img      *image.Image
	args     []string
	host     spec.Host
	binds    []specs.Mount
	warnings []string
}

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
	return CreateResult{ID: p.ID, Warnings: p.warnings}, nil
}

// plan does the slow and the pure work: it finds the image, merges its
// configuration with the caller's and checks what can be checked.
func (s *Service) plan(ctx context.Context, opts CreateOptions) (*plan, error) {
	if opts.Name != "" {
		if err := checkName(opts.Name); err != nil {
			return nil, err
		}
	}
	img, err := s.cfg.Images.ResolveFor(ctx, opts.Config.Image, opts.Platform)
	if err != nil {
		return nil, err
	}
	if want := opts.Platform; want != nil && !platforms.Only(*want).Match(img.Platform) {
		return nil, errorf(errdefs.ErrNotFound, "image with reference %s was found but its platform (%s) does not match the specified platform (%s)",
			opts.Config.Image, platforms.Format(img.Platform), platforms.Format(*want))
	}
	host, err := s.cfg.Host()
	if err != nil {
		return nil, fmt.Errorf("looking at the host: %w", err)
	}
	p := &plan{img: img, host: host}
	p.Record = Record{
		Version: recordVersion, ID: newID(), Name: opts.Name, Created: time.Now().UTC(),
		ImageRef: opts.Config.Image, ImageID: img.ID(), Platform: platforms.Format(img.Platform),
		Driver: s.cfg.Backend.SnapshotterName(), Networks: opts.Networks,
	}
	if p.Name == "" {
		p.Name = randomName()
	}
	p.SnapshotKey = p.ID
	p.Status.State = container.StateCreated
	p.HostConfig = new(container.HostConfig)
	if opts.HostConfig != nil {
		*p.HostConfig = *opts.HostConfig
	}
	hostDefaults(p.HostConfig, host)
	if p.Config, err = mergeConfig(opts.Config, img, p); err != nil {
		return nil, err
	}
	p.args = append(slices.Clone(p.Config.Entrypoint), p.Config.Cmd...)
	if len(p.args) == 0 {
		return nil, errorf(errdefs.ErrInvalidArgument, "no command specified")
	}
	p.Path, p.Args = p.args[0], p.args[1:]
	if _, err := stopSignal(p.Config.StopSignal); err != nil {
		return nil, err
	}
	if err := checkHostConfig(p.HostConfig); err != nil {
		return nil, err
	}
	return p, s.planMounts(p)
}

// mergeConfig fills what the caller left open with the image's values, as
// dockerd's merge does.
func mergeConfig(c *container.Config, img *image.Image, p *plan) (*container.Config, error) {
	out := *c
	ic := img.Config.Config
	if out.User == "" {
		out.User = ic.User
	}
	if len(out.Entrypoint) == 0 && out.Entrypoint == nil {
		out.Entrypoint = ic.Entrypoint
		if len(out.Cmd) == 0 {
			out.Cmd = ic.Cmd
		}
	}
	if len(out.Entrypoint) == 1 && out.Entrypoint[0] == "" { // --entrypoint "" clears it
		out.Entrypoint = nil
	}
	out.Env = mergeEnv(c.Env, ic.Env)
	if out.WorkingDir == "" {
		out.WorkingDir = ic.WorkingDir
	}
	if out.WorkingDir != "" && !filepath.IsAbs(out.WorkingDir) {
		return nil, errorf(errdefs.ErrInvalidArgument, "the working directory '%s' is invalid, it needs to be an absolute path", out.WorkingDir)
	}
	if out.StopSignal == "" {
		out.StopSignal = ic.StopSignal
	}
	out.Labels = maps.Clone(ic.Labels)
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	maps.Copy(out.Labels, c.Labels)
	ports, err := exposedPorts(ic.ExposedPorts, c.ExposedPorts)
	if err != nil {
		return nil, err
	}
	out.ExposedPorts = ports
	if out.Hostname == "" && !p.HostConfig.UTSMode.IsHost() && !p.HostConfig.NetworkMode.IsHost() {
		out.Hostname = short(p.ID)
	}
	if out.Hostname == "" {
		out.Hostname, _ = os.Hostname()
	}
	return &out, nil
}

// mergeEnv is the caller's environment, then what the image adds to it, in the
// order in which Docker's inspect shows it. A name without a value stays: it keeps
// the image's and the default variable out.
func mergeEnv(own, image []string) []string {
	name := func(kv string) string {
		n, _, _ := strings.Cut(kv, "=")
		return n
	}
	out := slices.Clone(own)
	for _, kv := range image {
		if !slices.ContainsFunc(own, func(o string) bool { return name(o) == name(kv) }) {
			out = append(out, kv)
		}
	}
	return out
}

// hostDefaults fills in what dockerd does, so that inspect shows what is in force.
func hostDefaults(hc *container.HostConfig, host spec.Host) {
	if hc.LogConfig.Type == "" {
		hc.LogConfig.Type = driverJSON
	}
	if hc.LogConfig.Config == nil {
		hc.LogConfig.Config = map[string]string{}
	}
	if hc.NetworkMode == "" || hc.NetworkMode == netutil.NetworkDefault {
		hc.NetworkMode = netutil.NetworkBridge
	}
	if hc.IpcMode == "" {
		hc.IpcMode = container.IPCModePrivate
	}
	if hc.CgroupnsMode == "" {
		hc.CgroupnsMode = container.CgroupnsModeHost
		if host.CgroupV2 && !hc.Privileged {
			hc.CgroupnsMode = container.CgroupnsModePrivate
		}
	}
	if hc.RestartPolicy.Name == "" {
		hc.RestartPolicy.Name = container.RestartPolicyDisabled
	}
	if hc.ShmSize == 0 {
		hc.ShmSize = spec.DefaultShmSize
	}
	if hc.Runtime == "" {
		hc.Runtime = "runc"
	}
}

// checkCPUs refuses more processors than there are, as dockerd does.
func checkCPUs(nano int64) error {
	if n := runtime.NumCPU(); nano < 0 || nano > int64(n)*1e9 {
		return errorf(errdefs.ErrInvalidArgument, "range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", n, n)
	}
	return nil
}

// checkHostConfig refuses what contradicts itself, before anything exists.
func checkHostConfig(hc *container.HostConfig) error {
	if hc.AutoRemove && !hc.RestartPolicy.IsNone() {
		return errorf(errdefs.ErrInvalidArgument, "can't create 'AutoRemove' container with restart policy")
	}
	if hc.NetworkMode.IsHost() && len(hc.PortBindings) > 0 {
		hc.PortBindings = nil // Docker discards them with a warning of the client
	}
	if hc.NetworkMode.IsContainer() || hc.PidMode.IsContainer() || hc.IpcMode.IsContainer() {
		return errorf(errdefs.ErrInvalidArgument, "joining the namespaces of another container is not supported yet: leave out \"container:\"")
	}
	if err := checkCPUs(hc.NanoCPUs); err != nil {
		return err
	}
	if rt := hc.Runtime; rt != "" && rt != "runc" && rt != ctrd.RuntimeRunc {
		return errorf(errdefs.ErrInvalidArgument, "unknown or invalid runtime name: %s: runc is the only one yet", rt)
	}
	if err := checkLogConfig(hc.LogConfig); err != nil {
		return err
	}
	return container.ValidateRestartPolicy(hc.RestartPolicy)
}

// reserve takes the name, the first thing that exists of a container.
func (s *Service) reserve(ctx context.Context, p *plan, u *undo) error {
	u.push(func(context.Context) error { return s.discard(p.ID) })
	lease, err := s.reserveName(ctx, p.Name, p.ID)
	if err != nil {
		return err
	}
	u.push(func(ctx context.Context) error { return s.dropLease(ctx, lease.ID) })
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
	usr, err := s.resolveUser(ctx, p.Config.User, p.HostConfig.GroupAdd, rootfs, p.img.ChainID)
	if err != nil {
		return nil, err
	}
	if err := s.writeFiles(p); err != nil {
		return nil, err
	}
	in, err := s.specInput(p, usr)
	if err != nil {
		return nil, err
	}
	oci, warnings, err := spec.Generate(in)
	if err != nil {
		return nil, err
	}
	p.warnings = append(p.warnings, warnings...)
	p.Warnings = p.warnings
	return rootfs, s.publish(leased, p, oci)
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

// writeFiles makes the files that are mounted into the container. Those that
// tell of addresses are filled in at each start.
func (s *Service) writeFiles(p *plan) error {
	dir := s.cfg.Layout.Container(p.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{hostnameFile, hostsFile, resolvFile} {
		content := ""
		if name == hostnameFile {
			content = p.Config.Hostname + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, m := range p.HostConfig.Binds {
		if err := makeBindSource(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) specInput(p *plan, usr spec.User) (spec.Input, error) {
	hc := *p.HostConfig
	var err error
	if hc.Resources, err = numberedDevices(hc.Resources); err != nil {
		return spec.Input{}, err
	}
	ns := spec.Namespaces{HostNetwork: p.HostConfig.NetworkMode.IsHost()}
	if wantsSandbox(p.HostConfig.NetworkMode) {
		ns.Network = s.cfg.Layout.Netns(p.ID)
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
	if err != nil || opts.AppArmor != "" {
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
	record, err := encode(p.Record)
	if err != nil {
		return err
	}
	status, err := encode(p.Status)
	if err != nil {
		return err
	}
	rt := s.cfg.Runtime
	if rt.Shim == "" {
		rt.Shim = ctrd.RuntimeRunc
	}
	info, err := ctrd.Runtime(rt.Shim, rt.Binary, p.host.SystemdCgroup)
	if err != nil {
		return err
	}
	_, err = s.store.Create(ctx, containers.Container{
		ID: p.ID, Labels: indexLabels(p.Name, p.Config.Labels), Image: p.img.Name, Runtime: info,
		Spec:        &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", Value: data},
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

// discard removes what is on disk of a container.
func (s *Service) discard(id string) error {
	return errors.Join(removeAll(s.cfg.Layout.Container(id)), removeAll(s.cfg.Layout.ContainerRun(id)))
}

// removeAll removes a folder in which a monitor that is about to end may still
// make a file.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	for range 10 {
		if !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
		err = os.RemoveAll(dir)
	}
	return err
}

// selfProcess is the identity of this process, for owners.
func selfProcess() state.Process {
	p, _ := state.Self()
	return p
}
