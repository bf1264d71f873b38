package complete

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// Completion never starts an engine: without a socket, nothing is opened.
func TestNoEngineIsStarted(t *testing.T) {
	ios, _, _, errOut := iostreams.Test()
	f := &factory.Factory{
		IO: ios,
		Config: func() (*config.Config, error) {
			return &config.Config{Address: filepath.Join(t.TempDir(), "none.sock")}, nil
		},
		Client: func(context.Context) (*nerd.Client, error) {
			t.Error("opened")
			return nil, errors.New("none")
		},
	}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	for name, fn := range map[string]Func{
		"containers": Containers(f, nil), "images": Images(f), "first": First(1, Images(f)), "none": None,
	} {
		got, directive := fn(cmd, nil, "")
		if len(got) != 0 || directive != cobra.ShellCompDirectiveNoFileComp || errOut.Len() != 0 {
			t.Errorf("%s: got %v, %v, %q", name, got, directive, errOut)
		}
	}
}

func TestFirst(t *testing.T) {
	fn := First(1, Words("a", "b"))
	if got, _ := fn(nil, nil, ""); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if got, _ := fn(nil, []string{"a"}, ""); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestStates(t *testing.T) {
	for state, running := range map[apicontainer.ContainerState]bool{
		apicontainer.StateRunning: true, apicontainer.StatePaused: true, apicontainer.StateCreated: false, apicontainer.StateExited: false, apicontainer.StateDead: false,
	} {
		if Running(state) != running || Stopped(state) == running {
			t.Errorf("%s", state)
		}
	}
}

// Where no container answers, and for what is plainly a path, files are offered.
func TestContainerPaths(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	f := &factory.Factory{IO: ios, Config: func() (*config.Config, error) { return nil, errors.New("none") }}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	for _, word := range []string{"", "we", "./x", "web:/etc", "/tmp/x"} {
		if got, directive := ContainerPaths(f)(cmd, nil, word); len(got) != 0 || directive != cobra.ShellCompDirectiveDefault {
			t.Errorf("%q: %v, %v", word, got, directive)
		}
	}
}
