package container

import (
	"context"
	"errors"
	"io"

	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/archive"
)

// Export writes a container's root file system as a tar. What is mounted in it is
// not part of it: mount points are empty.
func (s *Service) Export(ctx context.Context, ref string, w io.Writer) (err error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return err
	}
	tree, err := s.rootTree(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	root, err := tree.Find("/")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	out := archive.NewWriter(w)
	if err := (&archive.Walker{Sink: out}).Children(ctx, root); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	s.emit(ctx, c, events.ActionExport)
	return nil
}
