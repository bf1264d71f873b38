package container

import (
	"context"
	"errors"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/health"
)

// freezeLocked pauses a container or lets it go on. Nobody checks the health of
// a paused one: it counts as unhealthy until a check says otherwise.
func (s *Service) freezeLocked(ctx context.Context, c *Container, to container.ContainerState, act func(context.Context, string) error) error {
	pause := to == container.StatePaused
	if pause {
		if err := s.stopChecks(ctx, c); err != nil {
			return err
		}
	}
	if err := act(ctx, c.ID); err != nil {
		if pause {
			err = errors.Join(err, s.resumeChecks(ctx, c))
		}
		return err
	}
	c.Status.State = to
	if pause {
		c.Health = health.Halt(c.Health)
		return s.saveStatusAndHealth(ctx, c)
	}
	return errors.Join(s.saveStatus(ctx, c), s.resumeChecks(ctx, c))
}
