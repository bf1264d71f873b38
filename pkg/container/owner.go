package container

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/nerd-cli/nerd/pkg/state"
)

// ownerLink is a symbolic link in a container's folder to the socket of the
// containerd that has the container. A machine can have two of them, nerd's own
// engine and one that came later, and both may have the same namespace: what one
// does not know is no remain as long as it belongs to the other.
const ownerLink = "containerd"

// setOwner marks the folder of a container.
func (s *Service) setOwner(id string) error {
	err := os.Symlink(s.cfg.Backend.Address(), filepath.Join(s.cfg.Layout.Container(id), ownerLink))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// otherOwner tells whether the container belongs to another containerd.
func (s *Service) otherOwner(id string) bool {
	owner, err := os.Readlink(filepath.Join(s.cfg.Layout.Container(id), ownerLink))
	return err == nil && !state.SameFile(owner, s.cfg.Backend.Address())
}
