package container

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// writeFiles makes the files that are mounted into the container. Those that
// tell of addresses are filled in at each start.
func (s *Service) writeFiles(p *plan) error {
	dir := s.cfg.Layout.Container(p.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := s.setOwner(p.ID); err != nil {
		return err
	}
	if err := s.tellVolumes(&p.Container); err != nil {
		return err
	}
	for _, name := range []string{hostnameFile, hostsFile, resolvFile} {
		content := ""
		if name == hostnameFile {
			content = p.Config.Hostname + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what is on disk of a container.
func (s *Service) discard(id string) error {
	if err := s.unmountShm(id); err != nil {
		return err
	}
	return errors.Join(removeAll(s.cfg.Layout.Container(id)), removeAll(s.cfg.Layout.ContainerRun(id)))
}

// removeAll removes a folder in which a monitor that is about to end may still
// make a file.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	for range 10 {
		if !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
		err = os.RemoveAll(dir)
	}
	return err
}
