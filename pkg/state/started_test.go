package state

import (
	"os/exec"
	"testing"
	"time"
)

func TestStartedAt(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	before := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := FindProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	// The kernel counts in ticks of 10 ms, so it can seem to have begun a little early.
	if got := p.StartedAt(); got.Before(before.Add(-50*time.Millisecond)) || got.After(time.Now().Add(50*time.Millisecond)) {
		t.Errorf("started at %s, between %s and now", got, before)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
}
