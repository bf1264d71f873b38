package e2e

import (
	"os/exec"
	"slices"
	"strings"
)

// machine is what a look at the machine found: lines, each naming one thing that
// a container could leave behind.
type machine map[string]bool

// snapshot looks at the machine.
func (e *environment) snapshot() machine {
	found := machine{}
	add := func(kind string, lines ...string) {
		for _, line := range lines {
			if line = strings.TrimSpace(line); line != "" {
				found[kind+": "+line] = true
			}
		}
	}
	if e.target == "docker" {
		add("container", e.lines(nil, "ps", "-aq", "--filter", "name=e2e-"+e.id)...)
		add("image", e.lines(nil, "images", "-q", "--filter", "reference=localhost/e2e-"+e.id+"*/*")...)
	}
	return found
}

// leaks is what is there now and was not before, after a time for what is
// cleaned up in the background.
func (e *environment) leaks(before machine) []string {
	var left []string
	_ = poll(patience, func() error {
		left = nil
		for line := range e.snapshot() {
			if !before[line] {
				left = append(left, line)
			}
		}
		if len(left) > 0 {
			return exec.ErrNotFound
		}
		return nil
	})
	slices.Sort(left)
	return left
}
