package image

import (
	"context"

	"github.com/moby/moby/api/types/events"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/event"
)

// emit tells what happened to an image; name is what the user calls it, or its
// id where there is no name. As in Docker its labels are among the attributes.
func (s *Service) emit(ctx context.Context, action events.Action, id, name string, labels map[string]string) {
	event.Send(ctx, s.events, event.New(events.ImageEventType, action, id, labels, map[string]string{"name": name}))
}

// emitByID is emit for an image that no name was given for.
func (s *Service) emitByID(ctx context.Context, action events.Action, id digest.Digest, labels map[string]string) {
	s.emit(ctx, action, id.String(), id.String(), labels)
}

// labels are those in an image's configuration. An image that cannot be read has
// none.
func (s *Service) labels(ctx context.Context, target ocispec.Descriptor) map[string]string {
	if s.events == nil {
		return nil
	}
	f, err := s.facts(ctx, target, nil)
	if err != nil {
		return nil
	}
	return f.Config.Config.Labels
}
