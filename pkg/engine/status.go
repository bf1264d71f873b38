package engine

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nerd-cli/nerd/pkg/state"
)

// State is what a component of the engine is doing.
type State string

// The states of a component. Programs that are run per container, such as runc,
// are only ever installed or not.
const (
	StateRunning      State = "running"
	StateStopped      State = "stopped"
	StateNotAnswering State = "not answering"
	StateInstalled    State = "installed"
	StateNotInstalled State = "not installed"
)

// Component is one program of the engine.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
	State   State  `json:"state"`
	Socket  string `json:"socket,omitempty"`
}

// Status is a look at the engine.
type Status struct {
	Running    bool        `json:"running"` // containerd answers
	Components []Component `json:"components"`
}

// GetStatus looks at the engine and changes nothing.
func GetStatus(ctx context.Context, l state.Layout) (Status, error) {
	all, err := daemons(l)
	if err != nil {
		return Status{}, err
	}
	slices.Reverse(all) // containerd first
	if build := buildkitd(l, ""); !slices.Contains(all, build) {
		all = append(all, build)
	}
	var s Status
	for _, d := range all {
		s.Components = append(s.Components, inspect(ctx, d))
	}
	s.Running = s.Components[0].State == StateRunning
	s.Components = append(s.Components,
		program(ctx, "runc", filepath.Join(BinDir(l), "runc"), "--version"),
		program(ctx, "cni-plugins", filepath.Join(CNIDir(l), "bridge")))
	return s, ctx.Err()
}

// inspect looks at a daemon.
func inspect(ctx context.Context, d daemon) Component {
	c := program(ctx, d.name, d.program, "--version")
	p, runs := d.find()
	switch {
	case answers(ctx, d):
		c.State, c.PID, c.Socket = StateRunning, p.PID, d.socket
	case runs:
		c.State, c.PID = StateNotAnswering, p.PID
	case c.State == StateInstalled:
		c.State = StateStopped
	}
	if c.State == StateRunning && d.name == "containerd" {
		// What runs may be older than what is installed since.
		if v, err := containerdVersion(ctx, d.socket); err == nil {
			c.Version = strings.TrimPrefix(v, "v")
		}
	}
	return c
}

// program looks at an executable, whose version is the first word of its first
// line of output that has the form of one.
func program(ctx context.Context, name, path string, args ...string) Component {
	c := Component{Name: name, State: StateNotInstalled}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"PATH=" + searchPath}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		return c
	}
	c.State = StateInstalled
	line, _, _ := strings.Cut(string(out), "\n")
	for word := range strings.FieldsSeq(line) {
		word = strings.TrimPrefix(word, "v")
		if word != "" && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			c.Version = word
			break
		}
	}
	return c
}
