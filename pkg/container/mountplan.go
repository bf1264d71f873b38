package container

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/container/mountpoint"
	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// imageMount is an image that is mounted into a container.
type imageMount struct {
	img      *image.Image
	snapshot string
}

// planMounts decides the mounts: those taken over from other containers, the
// user's, and the volumes that the image declares. Nothing is made here.
func (s *Service) planMounts(ctx context.Context, p *plan) error {
	own, err := mountpoint.Parse(p.HostConfig)
	if err != nil {
		return err
	}
	from, err := s.takeOver(ctx, p.HostConfig.VolumesFrom)
	if err != nil {
		return err
	}
	p.Mounted = mountpoint.Merge(from, own, p.HostConfig.Tmpfs)
	anonymous, err := mountpoint.Anonymous(p.Config.Volumes, p.HostConfig.Tmpfs, p.Mounted, p.HostConfig.VolumeDriver)
	if err != nil {
		return err
	}
	p.Mounted = append(p.Mounted, anonymous...)
	for i := range p.Mounted {
		if err := s.planMount(ctx, p, &p.Mounted[i]); err != nil {
			return err
		}
	}
	if p.host.SELinux && slices.ContainsFunc(p.HostConfig.Binds, relabels) {
		p.warnings = append(p.warnings, "the options z and Z of a volume have no effect: nerd sets no SELinux labels")
	}
	return nil
}

// relabels tells whether an entry of HostConfig.Binds asks for SELinux labels.
func relabels(bind string) bool {
	fields := strings.Split(bind, ":")
	return slices.ContainsFunc(strings.Split(fields[len(fields)-1], ","), func(o string) bool { return o == "z" || o == "Z" })
}

// takeOver collects the mounts of the containers that --volumes-from names.
func (s *Service) takeOver(ctx context.Context, entries []string) ([]mountpoint.Mount, error) {
	var out []mountpoint.Mount
	for _, entry := range entries {
		name, readOnly, err := mountpoint.From(entry)
		if err != nil {
			return nil, err
		}
		c, err := s.find(ctx, name)
		if err != nil {
			return nil, err
		}
		var theirs []mountpoint.Mount
		for _, m := range c.Mounted {
			theirs = append(theirs, mountpoint.TakeOver(m, readOnly))
		}
		out = mountpoint.Merge(out, theirs, nil)
	}
	return out, nil
}

// planMount checks one mount and adds it to the specification and to what
// inspect shows.
func (s *Service) planMount(ctx context.Context, p *plan, m *mountpoint.Mount) error {
	point := container.MountPoint{
		Type: m.Type, Destination: m.Target, Mode: m.Mode, RW: !m.ReadOnly, Propagation: m.Propagation,
	}
	out := specs.Mount{Destination: m.Target, Type: "bind"}
	switch m.Type {
	case mount.TypeBind:
		if err := checkBindSource(m); err != nil {
			return err
		}
		out.Source, point.Source = m.Source, m.Source
	case mount.TypeVolume:
		if err := volume.Check(volume.CreateOptions{Name: m.Source, Driver: m.Driver, Options: m.Options}); err != nil {
			return err
		}
		out.Source = s.cfg.Volumes.Path(m.Source)
		point.Name, point.Driver, point.Source = m.Source, volume.Driver, out.Source
		if m.Subpath != "" {
			out.Source = p.staged(s, m)
		}
	case mount.TypeImage:
		img, err := s.cfg.Images.ResolveFor(ctx, m.Source, nil)
		if err != nil {
			return err
		}
		out.Source = p.staged(s, m)
		m.Snapshot = filepath.Base(filepath.Dir(out.Source)) + "-image-" + filepath.Base(out.Source)
		m.Image = img.ID()
		p.images = append(p.images, imageMount{img, m.Snapshot})
		point.Name, point.Source = m.Source, out.Source
	case mount.TypeTmpfs:
		out.Type, out.Source, out.Options = "tmpfs", "tmpfs", m.Tmpfs
	}
	if m.Type != mount.TypeTmpfs {
		var err error
		if out.Options, err = bindOptions(m, p.HostConfig.Runtime); err != nil {
			return err
		}
	}
	p.binds, p.Mounts = append(p.binds, out), append(p.Mounts, point)
	return nil
}

// staged gives a mount a place where its source is laid out for each start.
func (p *plan) staged(s *Service, m *mountpoint.Mount) string {
	for i := range p.Mounted {
		m.Stage = max(m.Stage, p.Mounted[i].Stage+1)
	}
	return s.cfg.Volumes.StagePath(p.ID, m.Stage)
}

// checkBindSource wants the source to be there, unless it may be made.
func checkBindSource(m *mountpoint.Mount) error {
	if m.MakeSource {
		return nil
	}
	_, err := os.Stat(m.Source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errorf(errdefs.ErrInvalidArgument, "invalid mount config for type \"bind\": bind source path does not exist: %s", m.Source)
	case err != nil:
		return errorf(errdefs.ErrInvalidArgument, "invalid mount config for type \"bind\": %v", err)
	}
	return nil
}

// bindOptions are the options of a bind mount, whatever it binds. A read-only
// one is so with all that is mounted below, where the kernel can do that.
func bindOptions(m *mountpoint.Mount, runtime string) ([]string, error) {
	out := []string{"rbind"}
	if m.NonRecursive {
		out[0] = "bind"
	}
	if m.ReadOnly {
		access := "rro"
		if err := recursiveReadOnly(runtime); m.ShallowReadOnly || err != nil {
			access = "ro"
			if m.DeepReadOnly {
				return nil, err
			}
		}
		out = append(out, access)
	}
	if m.Propagation != "" {
		return append(out, string(m.Propagation)), nil
	}
	return append(out, string(mount.PropagationRPrivate)), nil
}

// recursiveReadOnly is an error if a whole tree of mounts cannot be made
// read-only: the kernel needs mount_setattr(2), of 5.12, and the runtime has to
// know the option, as runc 1.1 and crun 1.4 do.
func recursiveReadOnly(runtime string) error {
	if name := filepath.Base(runtime); !slices.ContainsFunc([]string{"runc", "crun", "youki", ctrd.RuntimeRunc}, func(known string) bool {
		return strings.HasPrefix(name, known)
	}) {
		return errorf(errdefs.ErrInvalidArgument, "rro is not supported: the runtime %s is not known to have it", runtime)
	}
	if err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{}); errors.Is(err, unix.ENOSYS) {
		return errorf(errdefs.ErrInvalidArgument, "rro is not supported: kernel version 5.12 or newer is needed")
	}
	return nil
}

// bothVolumes are the places of the image's volumes and the caller's.
func bothVolumes(image, own map[string]struct{}) map[string]struct{} {
	if len(image)+len(own) == 0 {
		return nil
	}
	out := map[string]struct{}{}
	maps.Copy(out, image)
	maps.Copy(out, own)
	return out
}
