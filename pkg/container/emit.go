package container

import (
	"context"

	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/event"
)

// emit tells what happened to a container. As in Docker the attributes are its
// labels, its image and its name, and pairs of a key and a value that belong to
// the action, such as "signal", "15".
func (s *Service) emit(ctx context.Context, c *Container, action events.Action, attrs ...string) {
	if s.cfg.Events == nil {
		return
	}
	own := map[string]string{"name": c.Name}
	var labels map[string]string
	if c.Config != nil {
		labels = c.Config.Labels
		if c.Config.Image != "" {
			own["image"] = c.Config.Image
		}
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		own[attrs[i]] = attrs[i+1]
	}
	event.Send(ctx, s.cfg.Events, event.New(events.ContainerEventType, action, c.ID, labels, own))
}
