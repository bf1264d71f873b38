package mountpoint

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/moby/moby/api/types/mount"

	"github.com/nerd-cli/nerd/pkg/volume"
)

// parseMount reads one --mount.
func parseMount(in *mount.Mount) (Mount, error) {
	m := Mount{Type: in.Type, Source: in.Source, ReadOnly: in.ReadOnly}
	err := missing("Target")
	if in.Target != "" {
		m.Target, err = cleanTarget(in.Target)
	}
	if err == nil {
		err = exclusive(in)
	}
	if err == nil {
		switch in.Type {
		case mount.TypeBind:
			err = m.fromBind(in)
		case mount.TypeVolume:
			err = m.fromVolume(in)
		case mount.TypeTmpfs:
			err = m.fromTmpfs(in)
		case mount.TypeImage:
			err = m.fromImage(in)
		default: // npipe and cluster are for Windows and swarms
			err = errorf("mount type unknown")
		}
	}
	if err != nil {
		return m, errorf("invalid mount config for type %q: %v", in.Type, err)
	}
	if m.Type == mount.TypeVolume && !m.Anonymous {
		return m, volume.CheckName(m.Source)
	}
	return m, nil
}

func missing(field string) error { return errorf("field %s must not be empty", field) }

// exclusive refuses options that are another type's.
func exclusive(in *mount.Mount) error {
	for _, o := range []struct {
		kind  mount.Type
		field string
		set   bool
	}{
		{mount.TypeBind, "BindOptions", in.BindOptions != nil},
		{mount.TypeVolume, "VolumeOptions", in.VolumeOptions != nil},
		{mount.TypeImage, "ImageOptions", in.ImageOptions != nil},
		{mount.TypeTmpfs, "TmpfsOptions", in.TmpfsOptions != nil},
	} {
		if o.set && in.Type != o.kind {
			return errorf("field %s must not be specified", o.field)
		}
	}
	return nil
}

func (m *Mount) fromBind(in *mount.Mount) error {
	m.Propagation = mount.PropagationRPrivate
	if b := in.BindOptions; b != nil {
		if b.Propagation != "" {
			m.Propagation = b.Propagation
		}
		m.NonRecursive, m.MakeSource = b.NonRecursive, b.CreateMountpoint
		m.ShallowReadOnly, m.DeepReadOnly = b.ReadOnlyNonRecursive, b.ReadOnlyForceRecursive
	}
	switch {
	case m.Source == "":
		return missing("Source")
	case !slices.Contains(mount.Propagations, m.Propagation):
		return errorf("invalid propagation mode: %s", m.Propagation)
	case !path.IsAbs(m.Source):
		return errorf("invalid mount path: '%s' mount path must be absolute", m.Source)
	case m.ShallowReadOnly && m.DeepReadOnly:
		return errorf("mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive")
	}
	m.Source = path.Clean(m.Source)
	return nil
}

func (m *Mount) fromVolume(in *mount.Mount) error {
	m.Mode, m.Anonymous = "z", in.Source == ""
	if o := in.VolumeOptions; o != nil {
		m.NoCopy, m.Subpath, m.Labels = o.NoCopy, o.Subpath, o.Labels
		if o.DriverConfig != nil {
			m.Driver, m.Options = o.DriverConfig.Name, o.DriverConfig.Options
		}
	}
	switch {
	case m.Anonymous && m.Subpath != "":
		return errorf("must not set Subpath when using anonymous volumes")
	case m.Anonymous && m.ReadOnly:
		return errorf("must not set ReadOnly mode when using anonymous volumes")
	}
	if m.Anonymous {
		m.Source = volume.RandomName()
	}
	return m.checkSubpath()
}

// checkSubpath refuses a path that leads out by its words alone. Links are
// looked at when the container starts.
func (m *Mount) checkSubpath() error {
	if m.Subpath != "" && !filepath.IsLocal(m.Subpath) {
		return errorf("subpath must be a relative path within the volume")
	}
	return nil
}

func (m *Mount) fromImage(in *mount.Mount) error {
	if m.Source == "" {
		return missing("Source")
	}
	if in.ImageOptions != nil {
		m.Subpath = in.ImageOptions.Subpath
	}
	m.ReadOnly, m.Propagation = true, mount.PropagationRPrivate
	return m.checkSubpath()
}
