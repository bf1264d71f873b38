package container

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/health"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// plan is a container that is fully decided but of which nothing exists yet.
type plan struct {
	Container
	img      *image.Image
	args     []string
	host     spec.Host
	runtime  ctrd.RuntimeSpec
	binds    []specs.Mount
	images   []imageMount // mounted ones
	warnings []string
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
	logDefaults(&p.HostConfig.LogConfig, s.cfg.Log)
	if p.warnings, err = s.checkLimits(p.HostConfig, host); err != nil {
		return nil, err
	}
	p.HostConfig.Runtime = cmp.Or(p.HostConfig.Runtime, s.defaultRuntime())
	if p.runtime, err = s.runtime(p.HostConfig.Runtime, host.SystemdCgroup); err != nil {
		return nil, err
	}
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
	if err := health.Validate(p.Config.Healthcheck); err != nil {
		return nil, err
	}
	if err := checkHostConfig(p.HostConfig); err != nil {
		return nil, err
	}
	if err := s.planJoins(ctx, p, opts.Config); err != nil {
		return nil, err
	}
	if err := checkNamespace(p.HostConfig); err != nil {
		return nil, err
	}
	if err := s.planNetworks(ctx, p); err != nil {
		return nil, err
	}
	return p, s.planMounts(ctx, p)
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
	out.Healthcheck = health.Merge(c.Healthcheck, ic.Healthcheck)
	if h := out.Healthcheck; h != nil && len(h.Test) > 0 && h.Test[0] == "CMD-SHELL" && len(out.Shell) == 0 {
		out.Shell = ic.Shell
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
	out.Volumes = bothVolumes(ic.Volumes, c.Volumes)
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
}

// checkHostConfig refuses what contradicts itself, before anything exists.
func checkHostConfig(hc *container.HostConfig) error {
	if hc.AutoRemove && !hc.RestartPolicy.IsNone() {
		return errorf(errdefs.ErrInvalidArgument, "can't create 'AutoRemove' container with restart policy")
	}
	if hc.NetworkMode.IsHost() && len(hc.PortBindings) > 0 {
		hc.PortBindings = nil // Docker discards them with a warning of the client
	}
	if err := checkLogConfig(hc.LogConfig); err != nil {
		return err
	}
	return container.ValidateRestartPolicy(hc.RestartPolicy)
}
