package container

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// insistTimeout is how long a task has to end after the runtime was told to kill it.
const insistTimeout = 2 * time.Second

// killTask ends a task whatever its state, and deletes it.
func (s *Service) killTask(ctx context.Context, id string) error {
	err := s.tasks.Kill(ctx, id, "", syscall.SIGKILL, true)
	if err != nil && !errdefs.IsNotFound(err) {
		// A task that was created and not started, or a shim without runc's state.
		_ = s.tasks.Kill(ctx, id, "", syscall.SIGKILL, false)
	}
	s.insist(ctx, id)
	_, err = s.deleteTask(ctx, id)
	return ignoreNotFound(err)
}

// insist kills the process of a task itself if the runtime's kill, which can
// come while the process is being made, does not end it.
func (s *Service) insist(ctx context.Context, id string) {
	if err := s.waitTask(ctx, id, insistTimeout); !errors.Is(err, context.DeadlineExceeded) {
		return // it has ended, or there is no such task
	}
	if t, err := s.tasks.Get(ctx, id, ""); err == nil && t.PID > 0 && t.Status != "stopped" {
		_ = unix.Kill(int(t.PID), unix.SIGKILL)
	}
}

// deleteTask deletes a task whose process is gone. containerd may learn of that
// a moment later than nerd, so its word is waited for.
func (s *Service) deleteTask(ctx context.Context, id string) (ctrd.Exit, error) {
	defer func() { _ = s.unmountShm(id) }() // if it fails, the next start or the removal says so
	late := s.waitTask(ctx, id, insistTimeout)
	if errdefs.IsNotFound(late) {
		return ctrd.Exit{}, late
	}
	if errors.Is(late, context.DeadlineExceeded) {
		if s.taskIsGone(ctx, id) {
			_ = s.eachShim(id, ctrd.Shim.KillChildren)
		}
		late = s.waitTask(ctx, id, exitTimeout)
	}
	exit, err := s.tasks.Delete(ctx, id, "") // says what is wrong if the wait failed
	if err == nil || errdefs.IsNotFound(err) || !errors.Is(late, context.DeadlineExceeded) || !s.taskIsGone(ctx, id) {
		return exit, err
	}
	return exit, s.breakTask(ctx, id, err)
}

// waitTask waits until containerd has seen the end of a task.
func (s *Service) waitTask(ctx context.Context, id string, timeout time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := s.tasks.Wait(wait, id, "")
	if err != nil && wait.Err() != nil { // whatever words containerd has for it
		return wait.Err()
	}
	return err
}

// taskIsGone tells whether a task's process is gone though its shim has not said
// so. A shim keeps the end back as long as it waits for the start of a command that
// exec began, and that start can hang in a container that dies.
func (s *Service) taskIsGone(ctx context.Context, id string) bool {
	t, err := s.tasks.Get(ctx, id, "")
	return err == nil && (t.PID == 0 || !processExists(int(t.PID)))
}

func (s *Service) eachShim(id string, fn func(ctrd.Shim) error) error {
	shims, err := s.shims()
	for _, shim := range shims {
		if shim.ID == id {
			err = errors.Join(err, fn(shim))
		}
	}
	return err
}

// breakTask ends the shim of a task that cannot be deleted. containerd takes the
// remains of a dead shim away. The error is NotFound then.
func (s *Service) breakTask(ctx context.Context, id string, cause error) error {
	cause = errors.Join(cause, s.eachShim(id, ctrd.Shim.Kill))
	wait, cancel := context.WithTimeout(ctx, exitTimeout)
	defer cancel()
	err := s.poll(wait, func() (bool, error) {
		_, err := s.tasks.Get(wait, id, "")
		return errdefs.IsNotFound(err), nil
	})
	if err != nil {
		return cause
	}
	return errorf(errdefs.ErrNotFound, "the task of container %s is gone with its shim", short(id))
}

// processExists tells whether a process has not ended yet; one that nobody has
// waited for has.
func processExists(pid int) bool {
	p, err := state.FindProcess(pid)
	return err == nil && p.Alive()
}
