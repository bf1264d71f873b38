package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
)

// findPod resolves k8s://NAMESPACE/POD[/CONTAINER]. A kubelet keeps the earlier
// attempts of a container: the one that runs is meant, else the last one.
func (s *Service) findPod(ctx context.Context, ref string) (*Container, error) {
	parts := strings.Split(strings.TrimPrefix(ref, podScheme), "/")
	if len(parts) < 2 || len(parts) > 3 || strings.ContainsAny(ref, "\"\\ \t\n") {
		return nil, notFound(ref)
	}
	list, err := s.store.List(ctx, fmt.Sprintf("labels.%q==%q,labels.%q==%q", labelPodNamespace, parts[0], labelPod, parts[1]))
	if err != nil {
		return nil, unreachable(err)
	}
	var found []*Container
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		if c.Foreign && c.Name == ref {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, notFound(ref)
	}
	s.observe(ctx, found...)
	return slices.MaxFunc(found, func(a, b *Container) int {
		if a.Running() != b.Running() {
			if a.Running() {
				return 1
			}
			return -1
		}
		return a.Created.Compare(b.Created)
	}), nil
}

// The verbs on containers of others act on the task alone: records, networks and
// logs are their owner's.

func (s *Service) stopForeign(ctx context.Context, c *Container, opts StopOptions) error {
	text := opts.Signal
	if text == "" {
		text = c.Config.StopSignal
	}
	sig, err := stopSignal(text)
	if err != nil || !c.Running() {
		return err
	}
	return s.signalAndWait(ctx, c, sig, stopTimeout(c, opts))
}

func (s *Service) killForeign(ctx context.Context, c *Container, sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		return s.kill(ctx, c)
	}
	return s.signal(ctx, c, sig)
}

func (s *Service) freezeForeign(ctx context.Context, c *Container, from, to container.ContainerState, act func(context.Context, string) error) error {
	if err := checkFreeze(c, from, to); err != nil {
		return err
	}
	return act(ctx, c.ID)
}

// removeForeign takes away the task, the record and the snapshot.
func (s *Service) removeForeign(ctx context.Context, c *Container, opts RemoveOptions) error {
	if c.Running() {
		if !opts.Force {
			return errorf(errdefs.ErrFailedPrecondition,
				"cannot remove container %q: container is %s: stop the container before removing or force remove", "/"+c.Name, c.Status.State)
		}
		if err := s.end(ctx, c, opts.Stop); err != nil {
			return err
		}
	}
	if err := s.killTask(ctx, c.ID); err != nil {
		return err
	}
	if err := s.store.Delete(ctx, c.ID); ignoreNotFound(err) != nil {
		return err
	}
	return errors.Join(s.removeSnapshot(ctx, c), s.discard(c.ID))
}

// leaveNoFolder removes the run-time folder that an exec needed in a container
// of others, once no other exec is using it.
func (s *Service) leaveNoFolder(c *Container) {
	if c.Foreign {
		_ = os.Remove(s.cfg.Layout.ContainerRun(c.ID)) // not empty: in use
	}
}

// checkFreeze says in Docker's words why a container cannot be paused or go on.
func checkFreeze(c *Container, from, to container.ContainerState) error {
	switch {
	case !c.Running() && to == container.StatePaused:
		return notRunning(c)
	case c.Status.State == to && to == container.StatePaused:
		return errorf(errdefs.ErrFailedPrecondition, "Container %s is already paused", c.ID)
	case !c.Running(), c.Status.State != from:
		return errorf(errdefs.ErrFailedPrecondition, "Container %s is not paused", c.ID)
	}
	return nil
}
