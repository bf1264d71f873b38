package container

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/nerd-cli/nerd/pkg/archive"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/layer"
	"github.com/nerd-cli/nerd/pkg/monitor"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// CommitOptions says what image Commit makes.
type CommitOptions struct {
	Name            string // reference; empty: the image has only an id
	Author, Message string
	Changes         []string // Dockerfile instructions
	// Pause freezes a running container while its files are read.
	Pause       bool
	Compression string // see image.CommitOptions
	Format      string // see image.CommitOptions
}

// Commit makes an image of a container: its image with what the container has
// changed as one more layer, and its configuration. A container that was paused
// for it goes on in every case, even if this process is killed.
func (s *Service) Commit(ctx context.Context, ref string, opts CommitOptions) (digest.Digest, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return "", err
	}
	if c.Foreign {
		return "", errorf(errdefs.ErrFailedPrecondition, "container %s was not made by nerd, so its image is not known: use the tool that made it", c.Name)
	}
	id, err := s.cfg.Images.Commit(ctx, image.CommitOptions{
		Image: digest.Digest(c.ImageID), Platform: containerPlatform(c), Name: opts.Name, Config: imageConfig(c.Config), Changes: opts.Changes,
		Author: opts.Author, Message: opts.Message, Command: strings.Join(c.Config.Cmd, " "),
		Compression: opts.Compression, Format: opts.Format,
		Layer: func(w io.Writer, upper string) (image.Written, error) {
			return s.writeChanges(ctx, c, opts.Pause, w, upper)
		},
	})
	if err != nil {
		return "", err
	}
	s.emit(ctx, c, events.ActionCommit, "comment", opts.Message, "imageID", id.String(), "imageRef", opts.Name)
	return id, nil
}

// containerPlatform is what a container's image was made for; nil where that is not
// known.
func containerPlatform(c *Container) *ocispec.Platform {
	p, err := platforms.Parse(c.Platform)
	if err != nil {
		return nil
	}
	return &p
}

// imageConfig is the part of a container's configuration that images have.
// Labels by which nerd and containerd mean something are not handed on.
func imageConfig(c *container.Config) dockerspec.DockerOCIImageConfig {
	out := dockerspec.DockerOCIImageConfig{
		ImageConfig: ocispec.ImageConfig{
			User: c.User, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Volumes: c.Volumes,
			WorkingDir: c.WorkingDir, StopSignal: c.StopSignal, Labels: map[string]string{},
		},
		DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Healthcheck: c.Healthcheck, OnBuild: c.OnBuild, Shell: c.Shell},
	}
	for port := range c.ExposedPorts {
		if out.ExposedPorts == nil {
			out.ExposedPorts = map[string]struct{}{}
		}
		out.ExposedPorts[port.String()] = struct{}{}
	}
	for k, v := range c.Labels {
		if !reservedLabel(k) {
			out.Labels[k] = v
		}
	}
	return out
}

// writeChanges writes what a container has changed as a layer. If nothing changes
// meanwhile, it fills the upper folder with it too.
func (s *Service) writeChanges(ctx context.Context, c *Container, pause bool, w io.Writer, upper string) (done image.Written, err error) {
	if !c.Running() { // nobody starts it while it is read
		l, err := s.lock(ctx, c.ID)
		if err != nil {
			return done, err
		}
		defer func() { _ = l.Release() }()
		if c, err = s.get(ctx, c.ID); err != nil {
			return done, err
		}
	}
	still := !c.Running() || c.Status.State == container.StatePaused
	if pause && !still {
		var thaw func() error
		if thaw, err = s.hold(ctx, c); err != nil {
			return done, err
		}
		defer func() { err = errors.Join(err, thaw()) }()
		still = true
	}
	changes, tree, err := s.changes(ctx, c)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	if done.Empty = len(changes) == 0; done.Empty {
		return done, nil
	}
	done.Filled = still && upper != ""
	var g errgroup.Group
	if done.Filled {
		g.Go(func() error { return fill(ctx, tree, changes, upper) })
	}
	g.Go(func() error {
		out := archive.NewWriter(w)
		if err := layer.Write(ctx, tree, changes, out); err != nil {
			return err
		}
		return out.Close()
	})
	return done, g.Wait()
}

// fill puts changes into the upper folder of an overlay.
func fill(ctx context.Context, tree *rootfs.FS, changes []layer.Change, upper string) (err error) {
	folder, err := rootfs.Open(upper, rootfs.Unlinked)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	sink := layer.NewUpper(folder)
	return errors.Join(layer.Write(ctx, tree, changes, sink), sink.Close())
}

// hold pauses a container until thaw is called or this process ends, however it
// does: a guard waits for that.
func (s *Service) hold(ctx context.Context, c *Container) (thaw func() error, err error) {
	guard, err := monitor.NewGuard(s.cfg.Helper, s.cfg.HelperEnv, ThawVerb, c.ID)
	if err != nil {
		return nil, err
	}
	thaw = func() error {
		err := s.Unpause(context.WithoutCancel(ctx), c.ID)
		if errdefs.IsFailedPrecondition(err) || errdefs.IsNotFound(err) { // somebody else has let it go on, or has ended it
			err = nil
		}
		return errors.Join(err, guard.Dismiss())
	}
	switch err := s.Pause(ctx, c.ID); {
	case err == nil:
		return thaw, nil
	case errdefs.IsFailedPrecondition(err): // somebody else has paused or ended it
		return nil, errors.Join(err, guard.Dismiss())
	default: // also one that is interrupted may have paused it
		return nil, errors.Join(err, thaw())
	}
}

// ThawVerb is how the guard of a paused container calls back.
const ThawVerb = "thaw"

// Thaw is what the guard of a paused container does: it waits until the process
// that has paused it ends, and lets the container go on unless that one has.
func (s *Service) Thaw(ctx context.Context, id string) error {
	if monitor.AwaitGuarded() {
		return nil
	}
	return s.Unpause(ctx, id)
}
