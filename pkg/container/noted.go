package container

import (
	"path/filepath"
	"time"

	"github.com/nerd-cli/nerd/pkg/ctrd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// notedExit is the file that holds how a container's process has ended, if that
// was learnt while no containerd was there to remember it.
const notedExit = "exit.json"

// NoteExit keeps how a container's process has ended until it can be recorded.
func NoteExit(l state.Layout, id string, exit ctrd.Exit) error {
	if !exists(l.ContainerRun(id)) { // another tool's
		return nil
	}
	return state.WriteJSON(filepath.Join(l.ContainerRun(id), notedExit), exit)
}

// noted is what NoteExit has kept of the run that began at started, or the exit
// of a container whose end nobody saw.
func (s *Service) noted(id string, started time.Time) ctrd.Exit {
	var exit ctrd.Exit
	err := state.ReadJSON(filepath.Join(s.cfg.Layout.ContainerRun(id), notedExit), &exit)
	if err != nil || exit.At.Before(started) {
		return ctrd.Exit{Code: lostExitCode, At: now()}
	}
	return exit
}
