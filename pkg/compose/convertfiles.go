package compose

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/mount"
)

// secretsDir is where secrets are in a container unless they say otherwise;
// configs are below the root.
const secretsDir = "/run/secrets"

// contentFile is a secret or config that is given as text, on its way to a file
// on the host which containers have mounted read-only.
type contentFile struct {
	path     string
	content  []byte
	uid, gid int
	mode     os.FileMode
}

func (b *build) volumes() error {
	for _, text := range b.s.Tmpfs {
		target, options, _ := strings.Cut(text, ":")
		if b.host.Tmpfs == nil {
			b.host.Tmpfs = map[string]string{}
		}
		b.host.Tmpfs[target] = options
	}
	for _, v := range b.s.Volumes {
		m, err := b.mount(v)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Target, err)
		}
		b.host.Mounts = append(b.host.Mounts, m)
	}
	for _, text := range b.s.VolumesFrom {
		from, err := b.volumesFrom(text)
		if err != nil {
			return b.wrong("volumes_from", err)
		}
		b.host.VolumesFrom = append(b.host.VolumesFrom, from)
	}
	return nil
}

// volumesFrom: SERVICE[:ro|rw] or container:NAME[:ro|rw].
func (b *build) volumesFrom(text string) (string, error) {
	if rest, ok := strings.CutPrefix(text, types.ContainerPrefix); ok {
		return rest, nil
	}
	service, mode, moded := strings.Cut(text, ":")
	id, err := b.container(service)
	if moded {
		id += ":" + mode
	}
	return id, err
}

func (b *build) mount(v types.ServiceVolumeConfig) (mount.Mount, error) {
	m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
	switch v.Type {
	case types.VolumeTypeBind:
		return m, bindOptions(&m, v.Bind)
	case types.VolumeTypeVolume:
		if v.Source != "" {
			vol, ok := b.project.Volumes[v.Source]
			if !ok {
				return m, fmt.Errorf("refers to undefined volume %s", v.Source)
			}
			m.Source = vol.Name
		}
		if o := v.Volume; o != nil {
			m.VolumeOptions = &mount.VolumeOptions{NoCopy: o.NoCopy, Subpath: o.Subpath, Labels: o.Labels}
		}
	case types.VolumeTypeTmpfs:
		if o := v.Tmpfs; o != nil {
			m.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: int64(o.Size), Mode: os.FileMode(o.Mode)}
		}
	case types.VolumeTypeImage:
		m.ReadOnly = false // an image is never written to
		if o := v.Image; o != nil {
			m.ImageOptions = &mount.ImageOptions{Subpath: o.SubPath}
		}
	default:
		return m, fmt.Errorf("the type %q is not supported: use bind, volume, tmpfs or image", v.Type)
	}
	return m, nil
}

func bindOptions(m *mount.Mount, o *types.ServiceVolumeBind) error {
	m.BindOptions = &mount.BindOptions{CreateMountpoint: true}
	if o == nil {
		return nil
	}
	m.BindOptions.CreateMountpoint = bool(o.CreateHostPath)
	m.BindOptions.Propagation = mount.Propagation(o.Propagation)
	switch o.Recursive {
	case "", "enabled":
	case "disabled":
		m.BindOptions.NonRecursive = true
	case "writable":
		m.BindOptions.ReadOnlyNonRecursive = true
	case "readonly":
		m.BindOptions.ReadOnlyForceRecursive = true
	default:
		return fmt.Errorf("bind.recursive: %q is none of enabled, disabled, writable, readonly", o.Recursive)
	}
	return nil
}

func (b *build) secrets() error {
	for _, ref := range b.s.Secrets {
		obj, ok := b.project.Secrets[ref.Source]
		if !ok {
			return fmt.Errorf("refers to undefined secret %s", ref.Source)
		}
		target := ref.Target
		if target == "" {
			target = ref.Source
		}
		if !path.IsAbs(target) {
			target = path.Join(secretsDir, target)
		}
		if err := b.fileObject(types.FileReferenceConfig(ref), types.FileObjectConfig(obj), target); err != nil {
			return fmt.Errorf("%s: %w", ref.Source, err)
		}
	}
	return nil
}

func (b *build) configs() error {
	for _, ref := range b.s.Configs {
		obj, ok := b.project.Configs[ref.Source]
		if !ok {
			return fmt.Errorf("refers to undefined config %s", ref.Source)
		}
		target := ref.Target
		if target == "" {
			target = "/" + ref.Source
		}
		if !path.IsAbs(target) {
			return fmt.Errorf("the target %q is not an absolute path", target)
		}
		if err := b.fileObject(types.FileReferenceConfig(ref), types.FileObjectConfig(obj), target); err != nil {
			return fmt.Errorf("%s: %w", ref.Source, err)
		}
	}
	return nil
}

// fileObject mounts a file of the host as it is, or, where content, owner or mode
// are given, a copy of nerd's own that has them.
func (b *build) fileObject(ref types.FileReferenceConfig, obj types.FileObjectConfig, target string) error {
	if obj.External {
		return fmt.Errorf("external objects are kept by a swarm, which there is not: use file, environment or content")
	}
	if obj.Driver != "" || obj.TemplateDriver != "" {
		return fmt.Errorf("drivers are part of a swarm, which there is not: use file, environment or content")
	}
	m := mount.Mount{Type: mount.TypeBind, Source: obj.File, Target: target, ReadOnly: true}
	var content []byte
	switch {
	case obj.File != "":
		if ref.UID == "" && ref.GID == "" && ref.Mode == nil {
			b.host.Mounts = append(b.host.Mounts, m)
			return nil
		}
		var err error
		if content, err = readFile(obj.File); err != nil {
			return err
		}
	case obj.Environment != "":
		value, ok := b.project.Environment[obj.Environment]
		if !ok {
			return fmt.Errorf("environment variable %q is required", obj.Environment)
		}
		content = []byte(value)
	default:
		content = []byte(obj.Content)
	}
	f, err := newContentFile(ref, content)
	if err != nil {
		return err
	}
	f.path = filepath.Join(b.filesDir, f.path)
	b.files = append(b.files, f)
	m.Source = f.path
	b.host.Mounts = append(b.host.Mounts, m)
	return nil
}

// newContentFile names a file after all that it is, so that it never changes.
func newContentFile(ref types.FileReferenceConfig, content []byte) (contentFile, error) {
	f := contentFile{content: content, mode: 0o444}
	for _, id := range []struct {
		name, text string
		to         *int
	}{{"uid", ref.UID, &f.uid}, {"gid", ref.GID, &f.gid}} {
		if id.text == "" {
			continue
		}
		n, err := strconv.ParseUint(id.text, 10, 31)
		if err != nil {
			return f, fmt.Errorf("%s: %q is not a number", id.name, id.text)
		}
		*id.to = int(n)
	}
	if ref.Mode != nil {
		f.mode = os.FileMode(*ref.Mode) & os.ModePerm
	}
	f.path = digestOf(fmt.Appendf(nil, "%d:%d:%o:%s", f.uid, f.gid, f.mode, content))[:32]
	return f, nil
}
