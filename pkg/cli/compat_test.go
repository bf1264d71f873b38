package cli

import (
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/compat"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// What the table of departures names exists: a flag that is gone, or a command
// that was renamed, has to leave it.
func TestCompatNamesWhatExists(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	root := NewCmdRoot(&factory.Factory{IO: ios}, &globalFlags{}, nil)
	for _, e := range compat.Table() {
		for _, path := range e.Commands {
			if path == "compose" || strings.HasPrefix(path, "compose ") {
				continue // its companion knows them, and tests them
			}
			cmd, _, err := root.Find(strings.Fields(path))
			if _, refused := compat.RefusedCommand(path); refused && !strings.Contains(path, " ") {
				if cmd != root {
					t.Errorf("%s is refused and there", path)
				}
				continue
			}
			if err != nil || cmd == root {
				t.Errorf("there is no command %q", path)
				continue
			}
			if e.Flag != "" && cmd.Flag(e.Flag) == nil {
				t.Errorf("%s has no flag --%s", path, e.Flag)
			}
		}
		if len(e.Commands) == 0 && e.Flag != "" && root.Flag(e.Flag) == nil {
			t.Errorf("there is no global flag --%s", e.Flag)
		}
	}
}
