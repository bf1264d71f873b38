package container

import (
	"context"

	"github.com/moby/moby/api/types/mount"
)

// mountsImage tells whether a container has an image among its mounts.
func (c *Container) mountsImage(id string) bool {
	for i := range c.Mounted {
		if c.Mounted[i].Image == id {
			return true
		}
	}
	return false
}

// VolumeUsers lists the containers that have each volume among their mounts,
// whether they run or not, by the volume's name, those of other containerds on the
// machine included.
func (s *Service) VolumeUsers(ctx context.Context) (map[string][]string, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	out := map[string][]string{}
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, m := range c.Mounts {
			if m.Type == mount.TypeVolume && !seen[m.Name] {
				seen[m.Name] = true
				out[m.Name] = append(out[m.Name], c.ID)
			}
		}
	}
	return out, s.otherUsers(out)
}
