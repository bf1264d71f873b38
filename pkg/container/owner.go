package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

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

// volumesFile is a file in a container's folder with the names of its volumes, a line
// each. Another containerd's nerd reads it, which cannot ask for the container.
const volumesFile = "volumes"

// tellVolumes writes the file of a container that has volumes.
func (s *Service) tellVolumes(c *Container) error {
	var names []string
	for _, m := range c.Mounts {
		if m.Type == mount.TypeVolume && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.cfg.Layout.Container(c.ID), volumesFile), []byte(strings.Join(names, "\n")+"\n"), 0o600)
}

// otherUsers adds the containers of other containerds that have volumes to users.
func (s *Service) otherUsers(users map[string][]string) error {
	entries, err := os.ReadDir(filepath.Dir(s.cfg.Layout.Container("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !s.otherOwner(e.Name()) {
			continue
		}
		note, err := os.ReadFile(filepath.Join(s.cfg.Layout.Container(e.Name()), volumesFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for name := range strings.FieldsSeq(string(note)) {
			users[name] = append(users[name], e.Name())
		}
	}
	return nil
}
