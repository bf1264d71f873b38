package container

import "context"

// ImageUse is a container that needs an image.
type ImageUse struct {
	ID string
	// Running is set as well for containers that other tools, such as a kubelet,
	// made: what they are about to do is not known.
	Running bool
}

// ImageUses lists the containers that need each image, by the image's id, and
// those of other tools, which know no id, by the image's full name.
func (s *Service) ImageUses(ctx context.Context) (map[string][]ImageUse, error) {
	list, err := s.store.List(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	uses := map[string][]ImageUse{}
	for _, raw := range list {
		c, err := decode(raw)
		if err != nil {
			return nil, err
		}
		use := ImageUse{ID: c.ID, Running: c.Foreign || c.Running()}
		needed := map[string]bool{c.ImageID: true}
		if c.Foreign {
			needed[c.ImageRef] = true
		}
		for i := range c.Mounted {
			needed[c.Mounted[i].Image] = true
		}
		delete(needed, "")
		for image := range needed {
			uses[image] = append(uses[image], use)
		}
	}
	return uses, nil
}
