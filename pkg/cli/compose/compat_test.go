package compose

import (
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/compat"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// What the table of departures names exists.
func TestCompatNamesWhatExists(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	group := NewCmdCompose(&factory.Factory{IO: ios}, nil)
	found := false
	for _, e := range compat.Table() {
		for _, path := range e.Commands {
			rest, ok := strings.CutPrefix(path+" ", "compose ")
			if !ok {
				continue
			}
			found = true
			cmd, _, err := group.Find(strings.Fields(rest))
			if err != nil || cmd == group && strings.TrimSpace(rest) != "" {
				t.Errorf("there is no command %q", path)
				continue
			}
			if e.Flag != "" && cmd.Flag(e.Flag) == nil {
				t.Errorf("%s has no flag --%s", path, e.Flag)
			}
		}
	}
	if !found {
		t.Error("the table says nothing of compose")
	}
}

// Commands that are refused say why, whatever they are given.
func TestRefusedCommands(t *testing.T) {
	for _, r := range refusedCommands {
		ios, _, _, _ := iostreams.Test()
		group := NewCmdCompose(&factory.Factory{IO: ios}, nil)
		group.SilenceErrors, group.SilenceUsage = true, true
		group.SetArgs(append(strings.Fields(r.path), "x"))
		err := group.ExecuteContext(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "compose "+r.path+" is not supported: ") || strings.HasSuffix(err.Error(), "leave it out") {
			t.Errorf("%s: %v", r.path, err)
		}
	}
}
