package container

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/state"
)

func TestPrunable(t *testing.T) {
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	made := time.Unix(1000, 0)
	c := func(st container.ContainerState, p state.Process) *Container {
		return &Container{
			Record: Record{Created: made, Config: &container.Config{Labels: map[string]string{"a": "1", "b": ""}}},
			Status: Status{State: st, Process: p},
		}
	}
	exited := c(container.StateExited, state.Process{})
	for name, tc := range map[string]struct {
		c    *Container
		opts PruneOptions
		want bool
	}{
		"exited":               {exited, PruneOptions{}, true},
		"created":              {c(container.StateCreated, state.Process{}), PruneOptions{}, true},
		"running":              {c(container.StateRunning, self), PruneOptions{}, false},
		"paused":               {c(container.StatePaused, self), PruneOptions{}, false},
		"restarting":           {c(container.StateRestarting, state.Process{}), PruneOptions{}, false},
		"ended unseen":         {c(container.StateRunning, state.Process{PID: 1 << 30}), PruneOptions{}, true},
		"made before":          {exited, PruneOptions{Until: made.Add(time.Second)}, true},
		"made after":           {exited, PruneOptions{Until: made.Add(-time.Second)}, false},
		"has the label":        {exited, PruneOptions{Labels: []string{"a"}}, true},
		"has the value":        {exited, PruneOptions{Labels: []string{"a=1", "b"}}, true},
		"has another value":    {exited, PruneOptions{Labels: []string{"a=2"}}, false},
		"lacks one of two":     {exited, PruneOptions{Labels: []string{"a", "c"}}, false},
		"has what is spared":   {exited, PruneOptions{NotLabels: []string{"a"}}, false},
		"has both spared":      {exited, PruneOptions{NotLabels: []string{"a", "b"}}, false},
		"lacks what is spared": {exited, PruneOptions{NotLabels: []string{"c"}}, true},
		"lacks one of spared":  {exited, PruneOptions{NotLabels: []string{"a", "c"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.c.prunable(tc.opts); got != tc.want {
				t.Errorf("prunable: %v", got)
			}
		})
	}
}
