package container

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/container/mountpoint"
	"github.com/nerd-cli/nerd/pkg/state"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// goingVolumes, in a container's folder, lists the volumes that go with the
// folder: those of a container that is being made, which nobody has seen yet,
// and of one that is being removed. Whoever finds the folder of a container that
// does not exist finishes the work.
const goingVolumes = "volumes.json"

// makeVolumes makes the volumes of a container, fills empty ones with what the
// image has in their places, and makes the snapshots of mounted images. release
// has to be called once the record names them all.
func (s *Service) makeVolumes(ctx context.Context, p *plan, rootfs []mount.Mount, u *undo) (release func(), err error) {
	held := map[string]*volume.Held{}
	release = func() {
		for _, h := range held {
			h.Release()
		}
	}
	if err := s.makeImageMounts(ctx, p, u); err != nil {
		return release, err
	}
	if err := s.noteVolumes(p.ID, anonymousVolumes(&p.Container)); err != nil {
		return release, err
	}
	var fill []*mountpoint.Mount
	for i := range p.Mounted {
		m := &p.Mounted[i]
		if !m.Volume() {
			continue
		}
		if held[m.Source] == nil {
			h, err := s.cfg.Volumes.Hold(ctx, volume.CreateOptions{
				Name: m.Source, Driver: m.Driver, Options: m.Options, Labels: m.Labels, Anonymous: m.Anonymous,
			})
			if err != nil {
				return release, err
			}
			held[m.Source] = h
			if h.Created {
				u.push(func(ctx context.Context) error { return s.cfg.Volumes.Remove(ctx, h.Name, true) })
			}
		}
		if !m.NoCopy && m.Subpath == "" && held[m.Source].Fillable() {
			fill = append(fill, m)
		}
	}
	return release, s.fillVolumes(ctx, p, rootfs, held, fill)
}

// fillVolumes copies what the image has at the places of empty volumes into them.
func (s *Service) fillVolumes(ctx context.Context, p *plan, rootfs []mount.Mount, held map[string]*volume.Held, fill []*mountpoint.Mount) (err error) {
	if len(fill) == 0 {
		return nil
	}
	root := s.cfg.Volumes.StagePath(p.ID, 0) // where repair finds it if this process is killed
	defer func() { err = errors.Join(err, s.cfg.Volumes.Unstage(p.ID)) }()
	if err := s.cfg.Volumes.StageImage(readOnly(rootfs), p.Config.Image, "", root); err != nil {
		return err
	}
	for _, m := range fill {
		if err := held[m.Source].Fill(ctx, root, m.Target, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// readOnly turns the mounts of a root file system into ones that only read it:
// the writable layer of an overlay becomes the uppermost of those below.
func readOnly(rootfs []mount.Mount) []mount.Mount {
	out := slices.Clone(rootfs)
	for i := range out {
		var upper, lower string
		options := []string{"ro"}
		for _, o := range out[i].Options {
			switch key, value, _ := strings.Cut(o, "="); {
			case out[i].Type != "overlay" || key != "upperdir" && key != "lowerdir" && key != "workdir":
				if o != "rw" && o != "ro" {
					options = append(options, o)
				}
			case key == "upperdir":
				upper = value + ":"
			case key == "lowerdir":
				lower = value
			}
		}
		if lower != "" {
			options = append(options, "lowerdir="+upper+lower)
		}
		out[i].Options = options
	}
	return out
}

// makeImageMounts makes a read-only snapshot of each image that is mounted. The
// record keeps it from being collected.
func (s *Service) makeImageMounts(ctx context.Context, p *plan, u *undo) error {
	sn := s.cfg.Backend.Snapshots(p.Driver)
	for _, im := range p.images {
		_, err := sn.View(ctx, im.snapshot, im.img.ChainID)
		if errdefs.IsNotFound(err) {
			if err := s.cfg.Images.EnsureUnpacked(ctx, im.img, p.Driver); err != nil {
				return err
			}
			_, err = sn.View(ctx, im.snapshot, im.img.ChainID)
		}
		if err != nil {
			return err
		}
		u.push(func(ctx context.Context) error { return ignoreNotFound(sn.Remove(ctx, im.snapshot)) })
	}
	return nil
}

// gcLabels make the record of a container keep the snapshots of mounted images.
func (p *plan) gcLabels(labels map[string]string) map[string]string {
	for _, im := range p.images {
		labels["containerd.io/gc.ref.snapshot."+p.Driver+"/"+im.snapshot] = im.snapshot
	}
	return labels
}

// removeImageMounts removes the snapshots of mounted images.
func (s *Service) removeImageMounts(ctx context.Context, c *Container) error {
	var failed []error
	for _, m := range c.Mounted {
		if m.Snapshot != "" {
			failed = append(failed, ignoreNotFound(s.cfg.Backend.Snapshots(c.Driver).Remove(ctx, m.Snapshot)))
		}
	}
	return errors.Join(failed...)
}

// anonymousVolumes lists the volumes that go with a container.
func anonymousVolumes(c *Container) []string {
	var out []string
	for _, m := range c.Mounted {
		if m.Volume() && m.Anonymous {
			out = append(out, m.Source)
		}
	}
	return out
}

// noteVolumes writes down which volumes go with a container's folder.
func (s *Service) noteVolumes(id string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	data, err := json.Marshal(names)
	if err != nil {
		return err
	}
	dir := s.cfg.Layout.Container(id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, goingVolumes), data, 0o600)
}

// keepVolumes takes the note away: the volumes are the container's now, or stay
// when it goes.
func (s *Service) keepVolumes(id string) error {
	err := os.Remove(filepath.Join(s.cfg.Layout.Container(id), goingVolumes))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// dropVolumes removes the volumes that are to go with a container's folder, but
// for those that another container uses too.
func (s *Service) dropVolumes(ctx context.Context, id string) error {
	var names []string
	if err := state.ReadJSON(filepath.Join(s.cfg.Layout.Container(id), goingVolumes), &names); err != nil {
		return nil //nolint:nilerr // as a rule there is no such note; a torn one names nothing
	}
	var failed []error
	for _, name := range names {
		if err := s.cfg.Volumes.Remove(ctx, name, true); !errdefs.IsConflict(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
