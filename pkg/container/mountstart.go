package container

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/sys/mountinfo"

	"github.com/nerd-cli/nerd/pkg/container/mountpoint"
)

// mountSources makes the sources of a container's mounts ready for the runtime:
// it mounts volumes that have options, lays out parts of volumes and images, and
// makes missing folders of the host that -v names.
func (s *Service) mountSources(ctx context.Context, c *Container) error {
	for i := range c.Mounted {
		m := &c.Mounted[i]
		var err error
		switch m.Type {
		case mount.TypeBind:
			err = readyBind(m)
		case mount.TypeVolume:
			err = s.cfg.Volumes.Mount(ctx, m.Source, c.ID)
			if err == nil && m.Stage > 0 {
				err = s.cfg.Volumes.StageVolume(m.Source, m.Subpath, s.cfg.Volumes.StagePath(c.ID, m.Stage))
			}
		case mount.TypeImage:
			err = s.stageImage(ctx, c, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) stageImage(ctx context.Context, c *Container, m *mountpoint.Mount) error {
	rootfs, err := s.cfg.Backend.Snapshots(c.Driver).Mounts(ctx, m.Snapshot)
	if err != nil {
		return err
	}
	return s.cfg.Volumes.StageImage(rootfs, m.Source, m.Subpath, s.cfg.Volumes.StagePath(c.ID, m.Stage))
}

// unstage takes away what was laid out, once the runtime has it or has failed.
// What cannot be taken away now is found by repair.
func (s *Service) unstage(c *Container) {
	for i := range c.Mounted {
		if c.Mounted[i].Stage > 0 {
			_ = s.cfg.Volumes.Unstage(c.ID)
			return
		}
	}
}

// unmountSources undoes mountSources after the end of a container. What fails
// now is found by repair: the end is recorded all the same.
func (s *Service) unmountSources(ctx context.Context, c *Container) {
	s.unstage(c)
	for i := range c.Mounted {
		if m := &c.Mounted[i]; m.Volume() {
			_ = s.cfg.Volumes.Unmount(ctx, m.Source, c.ID)
		}
	}
}

// volumesStarted tells the listeners that a container uses its volumes.
func (s *Service) volumesStarted(ctx context.Context, c *Container) {
	for _, m := range c.Mounted {
		if m.Volume() {
			s.cfg.Volumes.Started(ctx, m.Source, c.ID, m.Target, string(m.Propagation), !m.ReadOnly)
		}
	}
}

// volumesEnded is the end of volumesStarted.
func (s *Service) volumesEnded(ctx context.Context, c *Container) {
	for _, m := range c.Mounted {
		if m.Volume() {
			s.cfg.Volumes.Ended(ctx, m.Source, c.ID)
		}
	}
}

// readyBind makes the folder that -v names if there is nothing, as dockerd does,
// and checks that mounts can be handed on where the propagation wants that.
func readyBind(m *mountpoint.Mount) error {
	if m.MakeSource {
		if _, err := os.Lstat(m.Source); err != nil {
			if err := os.MkdirAll(m.Source, 0o755); err != nil {
				return errorf(errdefs.ErrInvalidArgument, "error while creating mount source path '%s': %v", m.Source, err)
			}
		}
	} else if err := checkBindSource(m); err != nil {
		return err
	}
	switch m.Propagation {
	case mount.PropagationShared, mount.PropagationRShared:
		return checkPropagation(m.Source, "a shared mount", "shared:")
	case mount.PropagationSlave, mount.PropagationRSlave:
		return checkPropagation(m.Source, "a shared or slave mount", "shared:", "master:")
	}
	return nil
}

// checkPropagation wants the mount that a path is on to have one of the fields
// that mountinfo shows for peers. Without, the kernel would take the option and
// hand nothing on.
func checkPropagation(path, want string, fields ...string) error {
	list, err := mountinfo.GetMounts(mountinfo.ParentsFilter(path))
	if err != nil {
		return err
	}
	var on *mountinfo.Info
	for _, m := range list {
		if on == nil || len(m.Mountpoint) >= len(on.Mountpoint) { // the last of several at one place is on top
			on = m
		}
	}
	if on == nil {
		return errors.New("cannot find the mount point of " + path)
	}
	for _, f := range fields {
		if strings.Contains(on.Optional, f) {
			return nil
		}
	}
	return errorf(errdefs.ErrInvalidArgument, "path %s is mounted on %s but it is not %s", path, on.Mountpoint, want)
}
