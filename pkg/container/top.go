package container

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/cgroup"
	"github.com/nerd-cli/nerd/pkg/ps"
)

// Top lists the processes of a running container, those of execs and of groups
// below its own included, in the layout that options of ps ask for. The pids are
// the host's.
func (s *Service) Top(ctx context.Context, ref string, args []string) (container.TopResponse, error) {
	var out container.TopResponse
	c, err := s.find(ctx, ref)
	if err != nil {
		return out, err
	}
	if !c.Running() {
		return out, notRunning(c)
	}
	group, err := cgroup.Of(c.Status.Process.PID, c.ID)
	if err != nil {
		return out, errorf(errdefs.ErrFailedPrecondition, "container %s is not running", c.ID)
	}
	pids, err := group.Processes()
	if err != nil {
		return out, err
	}
	out.Titles, out.Processes, err = ps.Table(ctx, args, pids)
	if err == nil && !c.Foreign {
		s.emit(ctx, c, events.ActionTop)
	}
	return out, err
}
