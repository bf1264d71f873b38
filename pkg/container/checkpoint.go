package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Checkpoint names a saved state of a container's processes.
type Checkpoint struct {
	Name string
	Dir  string // folder that holds it; empty: the container's own, which goes with the container
}

// imageDir is the folder of CRIU's files.
func (s *Service) imageDir(c *Container, cp Checkpoint) string {
	return filepath.Join(s.checkpointsDir(c, cp.Dir), cp.Name)
}

func (s *Service) checkpointsDir(c *Container, dir string) string {
	if dir != "" {
		return dir
	}
	return filepath.Join(s.cfg.Layout.Container(c.ID), "checkpoints")
}

// checkCheckpointName keeps a name within its folder, by Docker's rule.
func checkCheckpointName(name string) error {
	if checkName(name) != nil {
		return errorf(errdefs.ErrInvalidArgument, "Invalid checkpoint ID (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	return nil
}

// CreateCheckpoint saves the processes of a running container. Unless leave is
// set they end, and no policy starts the container again.
func (s *Service) CreateCheckpoint(ctx context.Context, ref string, cp Checkpoint, leave bool) error {
	if err := checkCheckpointName(cp.Name); err != nil {
		return err
	}
	c, err := s.own(ctx, ref, "save")
	if err != nil {
		return err
	}
	switch {
	case !c.Running():
		return errorf(errdefs.ErrFailedPrecondition, "Container %s not running", strings.TrimPrefix(ref, "/"))
	case c.Config.Tty:
		return errorf(errdefs.ErrInvalidArgument, "checkpoint not supported on containers with tty")
	}
	dir := s.imageDir(c, cp)
	if _, err := os.Lstat(dir); err == nil {
		return errorf(errdefs.ErrAlreadyExists, "checkpoint with name %s already exists for container %s", cp.Name, c.Name)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := s.dump(ctx, c, dir, leave); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.emit(ctx, c, events.ActionCheckpoint)
	return nil
}

// dump has the runtime write the image.
func (s *Service) dump(ctx context.Context, c *Container, dir string, leave bool) error {
	work, done, err := criuWork(s.cfg.Layout)
	if err != nil {
		return err
	}
	defer done()
	save := func() error {
		err := s.tasks.Checkpoint(ctx, c.ID, ctrd.Image{Dir: dir, Work: work}, !leave)
		return explainCRIU(err, fmt.Sprintf("saving container %s", c.Name), filepath.Join(work, "dump.log"))
	}
	if leave {
		return save()
	}
	e := s.claim(ctx, c) // the end is handled here, whatever the policy says
	defer e.close()
	if err := save(); err != nil {
		return err
	}
	if err := s.markStopped(ctx, c.ID); err != nil {
		return err
	}
	if _, err := waitProcess(ctx, c.Status.Process, killTimeout); err != nil {
		return err
	}
	return s.finishClaimed(ctx, c.ID, e, false)
}

// criuWork is a folder for CRIU's logs, which done removes.
func criuWork(l state.Layout) (dir string, done func(), err error) {
	if err := os.MkdirAll(l.ContainersRun(), 0o700); err != nil {
		return "", nil, err
	}
	dir, err = os.MkdirTemp(l.ContainersRun(), "criu-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// Checkpoints lists the names of a container's checkpoints, of those in dir if it
// is not empty.
func (s *Service) Checkpoints(ctx context.Context, ref, dir string) ([]string, error) {
	c, err := s.own(ctx, ref, "list the checkpoints of")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.checkpointsDir(c, dir))
	if errors.Is(err, fs.ErrNotExist) && dir == "" {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// RemoveCheckpoint removes a checkpoint of a container.
func (s *Service) RemoveCheckpoint(ctx context.Context, ref string, cp Checkpoint) error {
	if err := checkCheckpointName(cp.Name); err != nil {
		return err
	}
	c, err := s.own(ctx, ref, "remove checkpoints of")
	if err != nil {
		return err
	}
	dir := s.imageDir(c, cp)
	if err := hasImage(dir, c, cp); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// hasImage looks for what CRIU always writes, so that no other folder is taken for
// a checkpoint.
func hasImage(dir string, c *Container, cp Checkpoint) error {
	if _, err := os.Stat(filepath.Join(dir, "inventory.img")); err != nil {
		return errorf(errdefs.ErrNotFound, "checkpoint %s does not exist for container %s", cp.Name, c.Name)
	}
	return nil
}

// restorable finds the image that a start is to continue.
func (s *Service) restorable(c *Container, cp *Checkpoint) error {
	if cp == nil {
		return nil
	}
	if err := checkCheckpointName(cp.Name); err != nil {
		return err
	}
	if c.Running() {
		return errorf(errdefs.ErrFailedPrecondition, "container %s is running: stop it before a checkpoint of it is restored", c.Name)
	}
	return hasImage(s.imageDir(c, *cp), c, *cp)
}

// createProcess has the runtime prepare the first process, or the restoring of
// all, whose pid is known only after the start.
func (s *Service) createProcess(ctx context.Context, c *Container, rootfs []mount.Mount, cp *Checkpoint) (uint32, error) {
	if cp == nil {
		return s.tasks.Create(ctx, c.ID, rootfs, s.stdio(c))
	}
	raw, err := s.store.Get(ctx, c.ID)
	if err != nil {
		return 0, err
	}
	return 0, s.tasks.Restore(ctx, c.ID, rootfs, s.stdio(c), raw.Runtime, ctrd.Image{Dir: s.imageDir(c, *cp), Work: s.restoreWork(c)})
}

// restoreWork is where CRIU logs; it goes with the container's run-time folder.
func (s *Service) restoreWork(c *Container) string {
	return filepath.Join(s.cfg.Layout.ContainerRun(c.ID), "criu")
}

// startRestored lets CRIU bring the processes back.
func (s *Service) startRestored(ctx context.Context, c *Container) (state.Process, error) {
	work := s.restoreWork(c)
	if err := os.MkdirAll(work, 0o700); err != nil {
		return state.Process{}, err
	}
	pid, err := s.tasks.Start(ctx, c.ID, "")
	if err != nil {
		return state.Process{}, explainCRIU(err, fmt.Sprintf("restoring container %s", c.Name), filepath.Join(work, "restore.log"))
	}
	_ = os.RemoveAll(work) // it goes with the container at the latest
	return state.FindProcess(int(pid))
}

// explainCRIU makes one line of a failure, with CRIU's own reason from its log.
func explainCRIU(err error, doing, log string) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), `"criu": executable file not found`) || strings.Contains(err.Error(), "criu binary not found"):
		return errs.WithHint(fmt.Errorf("%s: CRIU is not installed", doing), "run `make criu` in nerd's source, or install the package criu, 4.2 or newer")
	}
	data, readErr := os.ReadFile(log)
	if readErr != nil {
		return fmt.Errorf("%s: %s", doing, ctrd.Reason(err))
	}
	return fmt.Errorf("%s: %s", doing, criuReason(string(data)))
}

// criuReason is the first error in a log of CRIU: those after it are its
// consequences. That it cannot raise its limit of open files does not stop it.
func criuReason(log string) string {
	for line := range strings.Lines(log) {
		if _, reason, ok := strings.Cut(line, "Error ("); ok && !strings.Contains(reason, "RLIMIT_NOFILE") {
			if _, text, ok := strings.Cut(reason, "): "); ok {
				reason = text
			}
			return "CRIU: " + strings.TrimSpace(reason)
		}
	}
	return "CRIU failed without saying why"
}
