package container

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Labels by which the CRI plugin and other clients tell what a container is.
const (
	labelKind          = "io.cri-containerd.kind"
	labelPod           = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelPodContainer  = "io.kubernetes.container.name"
	labelStopSignal    = "io.containerd.image.config.stop-signal"
	labelNerdctlName   = "nerdctl/name"
	kindSandbox        = "sandbox"
	podScheme          = "k8s://"
	foreignLookUpTime  = 250 * time.Millisecond // for all shims together; a hung one delays ps by no more
	foreignLookUpLimit = 16                     // shims asked at once
)

// foreign is what containerd knows of a container that nerd did not make: no
// record of nerd's, so what its specification and its labels tell. Nothing of it
// is trusted to be there. Its state comes from its task, see observe.
func foreign(c containers.Container) *Container {
	out := &Container{
		Foreign:     true,
		SnapshotKey: c.SnapshotKey,
		Record: Record{
			ID: c.ID, Name: foreignName(c), Created: c.CreatedAt, ImageRef: c.Image, Driver: c.Snapshotter,
			Config:     &container.Config{Image: c.Image, Labels: c.Labels, StopSignal: c.Labels[labelStopSignal]},
			HostConfig: &container.HostConfig{Runtime: c.Runtime.Name},
		},
		Status: Status{State: container.StateCreated},
	}
	if c.Spec != nil {
		out.oci = c.Spec.GetValue()
	}
	var oci specs.Spec
	if json.Unmarshal(out.oci, &oci) == nil { // another runtime's need not be of this kind
		out.describe(&oci)
	}
	return out
}

// foreignName is k8s://NAMESPACE/POD[/CONTAINER] for what a kubelet made, the
// name that nerdctl gave, or the id.
func foreignName(c containers.Container) string {
	if pod := c.Labels[labelPod]; pod != "" {
		name := podScheme + c.Labels[labelPodNamespace] + "/" + pod
		if in := c.Labels[labelPodContainer]; in != "" && c.Labels[labelKind] != kindSandbox {
			name += "/" + in
		}
		return name
	}
	if name := c.Labels[labelNerdctlName]; name != "" {
		return name
	}
	return c.ID
}

// describe fills in what a specification says in Docker's words.
func (c *Container) describe(oci *specs.Spec) {
	c.Config.Hostname, c.Config.Domainname = oci.Hostname, oci.Domainname
	c.HostConfig.Annotations = oci.Annotations
	if oci.Root != nil {
		c.HostConfig.ReadonlyRootfs = oci.Root.Readonly
	}
	if p := oci.Process; p != nil {
		if len(p.Args) > 0 {
			c.Path, c.Args = p.Args[0], p.Args[1:]
			c.Config.Cmd = p.Args
		}
		c.Config.Env, c.Config.WorkingDir, c.Config.Tty = p.Env, p.Cwd, p.Terminal
		c.Config.User = fmt.Sprintf("%d:%d", p.User.UID, p.User.GID)
		c.AppArmor = p.ApparmorProfile
	}
	for _, m := range oci.Mounts {
		if m.Type != "bind" {
			continue
		}
		rw := true
		for _, o := range m.Options {
			rw = rw && o != "ro"
		}
		c.Mounts = append(c.Mounts, container.MountPoint{Type: mount.TypeBind, Source: m.Source, Destination: m.Destination, RW: rw})
	}
	if oci.Linux != nil {
		c.HostConfig.CgroupParent = path.Dir(oci.Linux.CgroupsPath)
		foreignLimits(c.HostConfig, oci.Linux.Resources)
	}
}

func foreignLimits(hc *container.HostConfig, r *specs.LinuxResources) {
	if r == nil {
		return
	}
	if m := r.Memory; m != nil && m.Limit != nil && *m.Limit > 0 {
		hc.Memory = *m.Limit
	}
	if cpu := r.CPU; cpu != nil {
		if cpu.Shares != nil {
			hc.CPUShares = int64(*cpu.Shares)
		}
		if cpu.Quota != nil {
			hc.CPUQuota = *cpu.Quota
		}
		if cpu.Period != nil {
			hc.CPUPeriod = int64(*cpu.Period)
		}
		hc.CpusetCpus, hc.CpusetMems = cpu.Cpus, cpu.Mems
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		hc.PidsLimit = r.Pids.Limit
	}
}

// sandbox tells whether the container is the pause container of a pod.
func (c *Container) sandbox() bool { return c.Foreign && c.Config.Labels[labelKind] == kindSandbox }

// observe asks the tasks of containers that others made for their states, all at
// once and in bounded time.
func (s *Service) observe(ctx context.Context, list ...*Container) {
	ctx, cancel := context.WithTimeout(ctx, foreignLookUpTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(foreignLookUpLimit)
	for _, c := range list {
		if c.Foreign {
			g.Go(func() error { s.observeOne(ctx, c); return nil })
		}
	}
	_ = g.Wait() // no look-up fails: one that has no answer is of an unknown state
}

func (s *Service) observeOne(ctx context.Context, c *Container) {
	t, err := s.tasks.Get(ctx, c.ID, "")
	switch {
	case errdefs.IsNotFound(err):
		return // created, or its task was deleted by its owner: containerd keeps no more
	case err != nil:
		c.Status.State = inspect.StateUnknown
		return
	}
	switch t.Status {
	case "running", "paused", "pausing":
		c.Status.State = container.StateRunning
		if t.Status != "running" {
			c.Status.State = container.StatePaused
		}
		proc, err := state.FindProcess(int(t.PID))
		if err != nil { // ended this moment
			c.Status.State = container.StateExited
			return
		}
		c.Status.Process, c.Status.StartedAt = proc, proc.StartedAt()
	case "stopped":
		c.Status.State, c.Status.ExitCode, c.Status.FinishedAt = container.StateExited, int(t.Exit.Code), t.Exit.At.UTC()
	case "unknown":
		c.Status.State = inspect.StateUnknown
	}
}

// refuseForeign is the error of a verb that cannot work on a container of others.
func refuseForeign(c *Container, verb string) error {
	return errorf(errdefs.ErrFailedPrecondition, "container %s was not made by nerd, so nerd cannot %s it: use the tool that made it", c.Name, verb)
}

// mayChange refuses a change of a container that others made, unless the user has
// said that it is meant.
func (s *Service) mayChange(c *Container) error {
	switch {
	case !c.Foreign || s.cfg.ForceForeign:
		return nil
	case strings.HasPrefix(c.Name, podScheme):
		return errs.WithHint(errorf(errdefs.ErrFailedPrecondition, "container %s belongs to Kubernetes, which would undo the change", c.Name),
			"use kubectl, or give nerd --force-foreign")
	}
	return errs.WithHint(errorf(errdefs.ErrFailedPrecondition, "container %s was not made by nerd", c.Name),
		"use the tool that made it, or give nerd --force-foreign")
}

// change is find for verbs that also work on containers of others, when forced.
func (s *Service) change(ctx context.Context, ref string) (*Container, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return c, s.mayChange(c)
}
