package container

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/state"
)

func TestReached(t *testing.T) {
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	gone := state.Process{PID: 1 << 30, Start: 1}
	for _, c := range []struct {
		name   string
		cond   WaitCondition
		status Status
		health container.HealthStatus // empty: no check
		want   bool
		err    string
	}{
		{"running", WaitRunning, Status{State: container.StateRunning, Process: self}, "", true, ""},
		{"paused is running", WaitRunning, Status{State: container.StatePaused, Process: self}, "", true, ""},
		{"to be started", WaitRunning, Status{State: container.StateCreated}, "", false, ""},
		{"restarting", WaitRunning, Status{State: container.StateRestarting}, "", false, ""},
		{"ended", WaitRunning, Status{State: container.StateExited, ExitCode: 3}, "", false, "has ended with exit code 3 before it was running"},
		{"just ended", WaitRunning, Status{State: container.StateRunning, Process: gone}, "", false, ""},
		{"no check", WaitHealthy, Status{State: container.StateRunning, Process: self}, "", false, "has no health check"},
		{"starting", WaitHealthy, Status{State: container.StateRunning, Process: self}, container.Starting, false, ""},
		{"healthy", WaitHealthy, Status{State: container.StateRunning, Process: self}, container.Healthy, true, ""},
		{"unhealthy", WaitHealthy, Status{State: container.StateRunning, Process: self}, container.Unhealthy, false, "is unhealthy: its last check ended with exit code 7: why"},
		{"paused may become healthy", WaitHealthy, Status{State: container.StatePaused, Process: self}, container.Healthy, false, ""},
		{"ended healthy", WaitHealthy, Status{State: container.StateExited}, container.Healthy, false, "before it was healthy"},
		{"restarting with a check", WaitHealthy, Status{State: container.StateRestarting}, container.Unhealthy, false, ""},
	} {
		in := &Container{Record: Record{Name: "cc", Config: &container.Config{}}, Status: c.status}
		if c.health != "" {
			in.Config.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "a"}}
			in.Health = &container.Health{Status: c.health, Log: []*container.HealthcheckResult{{ExitCode: 7, Output: "why\nso\n"}}}
		}
		got, err := reached(in, c.cond)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %t, %v", c.name, got, err)
		}
	}
}

// soon is a context that ends before a wait that should go on does.
func soon(t *testing.T, ctx context.Context) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitOfOneThatDoesNotRun(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc")
	if code, err := w.Wait(ctx, "cc", container.WaitConditionNotRunning); code != 0 || err != nil {
		t.Errorf("created: %d, %v", code, err)
	}
	w.set(t, ctx, id, func(st *Status) { st.State, st.ExitCode, st.FinishedAt = container.StateExited, 3, now() })
	if code, err := w.Wait(ctx, "cc", ""); code != 3 || err != nil {
		t.Errorf("exited: %d, %v", code, err)
	}
	for _, cond := range []WaitCondition{container.WaitConditionNextExit, container.WaitConditionRemoved} {
		if _, err := w.Wait(soon(t, ctx), "cc", cond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s of an exited one: %v", cond, err)
		}
	}
	w.set(t, ctx, id, func(st *Status) { st.State = container.StateRestarting })
	if _, err := w.Wait(soon(t, ctx), "cc", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("restarting: %v", err)
	}
	if _, err := w.Wait(ctx, "nosuch", ""); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
}

// An end between two looks counts.
func TestWaitNextExit(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc")
	go func() {
		time.Sleep(30 * time.Millisecond)
		w.set(t, ctx, id, func(st *Status) { st.State, st.ExitCode, st.FinishedAt = container.StateExited, 6, now() })
	}()
	if code, err := w.Wait(ctx, "cc", container.WaitConditionNextExit); code != 6 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
}

func TestWaitRemoved(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc")
	w.set(t, ctx, id, func(st *Status) { st.State, st.ExitCode = container.StateExited, 9 })
	removed := make(chan error, 1)
	go func() {
		time.Sleep(30 * time.Millisecond)
		removed <- w.Remove(ctx, "cc", RemoveOptions{})
	}()
	if code, err := w.Wait(ctx, "cc", container.WaitConditionRemoved); code != 9 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
}

func TestWaitFor(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	if err := w.WaitFor(ctx, "cc", WaitRunning); err != nil {
		t.Error(err)
	}
	if err := w.WaitFor(soon(t, ctx), "cc", WaitHealthy); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, _ = w.CheckHealth(ctx, id) // which fails, twice
		_, _ = w.CheckHealth(ctx, id)
	}()
	if err := w.WaitFor(ctx, "cc", WaitHealthy); err == nil || !strings.Contains(err.Error(), "is unhealthy") {
		t.Error(err)
	}
	if ok, err := w.HasHealthcheck(ctx, "cc"); !ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	if _, err := w.HasHealthcheck(ctx, "nosuch"); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}
