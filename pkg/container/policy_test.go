package container

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/state"
)

func policy(name container.RestartPolicyMode) func(*container.HostConfig) {
	return func(hc *container.HostConfig) { hc.RestartPolicy.Name = name }
}

// set changes the status of a container of the world.
func (w *world) set(t *testing.T, ctx context.Context, id string, change func(*Status)) {
	t.Helper()
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	change(&c.Status)
	if err := w.saveStatus(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// A stop that comes between the decision and the restart holds.
func TestStoppedBeforeTheRestart(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc", policy("always"))
	w.ran(t, ctx, id, 1)
	if again, err := w.Finish(ctx, id); err != nil || !again.Wanted {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := w.Stop(ctx, "cc", StopOptions{}); err != nil {
		t.Fatal(err)
	}
	run, err := w.startByID(ctx, id, StartOptions{byPolicy: true})
	if run != nil || err != nil {
		t.Errorf("%v, %v", run, err)
	}
	if c, err := w.get(ctx, id); err != nil || c.Status.State != container.StateExited || c.Status.ExitCode != 1 || c.Status.RestartCount != 1 {
		t.Errorf("%+v, %v", c.Status, err)
	}
}

// kill calls a pending restart off, as there is nothing else to kill.
func TestKillWhileRestarting(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "cc", policy("always"))
	w.ran(t, ctx, id, 1)
	if _, err := w.Finish(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := w.Kill(ctx, "cc", "KILL"); err != nil {
		t.Fatal(err)
	}
	if c, err := w.get(ctx, id); err != nil || c.Status.State != container.StateExited || !c.Status.StoppedByHand {
		t.Errorf("%+v, %v", c.Status, err)
	}
}

func TestFailedStarts(t *testing.T) {
	ended := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name     string
		before   Status
		byPolicy bool
		state    container.ContainerState
		code     int
		count    int
	}{
		{"the first", Status{State: container.StateCreated}, false, container.StateCreated, 128, 0},
		{"a later one", Status{State: container.StateExited, StartedAt: ended.Add(-time.Hour), FinishedAt: ended, ExitCode: 4, RestartCount: 3}, false, container.StateExited, 4, 0},
		{"after a success", Status{State: container.StateExited, StartedAt: ended.Add(-time.Hour), FinishedAt: ended}, false, container.StateExited, 128, 0},
		{"by policy", Status{State: container.StateRestarting, StartedAt: ended.Add(-time.Hour), FinishedAt: ended, ExitCode: 4, RestartCount: 3}, true, container.StateExited, 4, 3},
	} {
		w, ctx := newWorld(t)
		w.net.busy = errors.New("port is already allocated")
		id := w.create(t, ctx, "cc", published)
		w.set(t, ctx, id, func(st *Status) { *st = c.before })
		if _, err := w.startByID(ctx, id, StartOptions{byPolicy: c.byPolicy}); !errors.Is(err, w.net.busy) {
			t.Errorf("%s: %v", c.name, err)
		}
		got, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		st := got.Status
		if st.State != c.state || st.ExitCode != c.code || st.RestartCount != c.count || st.Error != "port is already allocated" || st.StartedAt != c.before.StartedAt {
			t.Errorf("%s: %+v", c.name, st)
		}
		if c.state == container.StateExited && st.FinishedAt != ended {
			t.Errorf("%s: finished at %v", c.name, st.FinishedAt)
		}
	}
}

func TestEndsByHand(t *testing.T) {
	for _, c := range []struct {
		sig    syscall.Signal
		own    string
		policy container.RestartPolicyMode
		want   bool
	}{
		{syscall.SIGKILL, "", "always", true},
		{syscall.SIGKILL, "INT", "always", true},
		{syscall.SIGTERM, "", "always", true},
		{syscall.SIGUSR1, "", "always", true}, // dockerd's rule
		{syscall.SIGUSR1, "INT", "always", false},
		{syscall.SIGTERM, "INT", "on-failure", false},
		{syscall.SIGINT, "INT", "always", true},
		{syscall.SIGHUP, "INT", "unless-stopped", true},
	} {
		in := &Container{Record: Record{Config: &container.Config{StopSignal: c.own}, HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: c.policy}}}}
		if got, err := endsByHand(in, c.sig); got != c.want || err != nil {
			t.Errorf("%+v: %t, %v", c, got, err)
		}
	}
	if _, err := endsByHand(&Container{Record: Record{Config: &container.Config{StopSignal: "x"}, HostConfig: &container.HostConfig{}}}, syscall.SIGTERM); err == nil {
		t.Error("a bad stop signal is taken")
	}
}

// What has ended unseen is recorded before its policy is asked. Here every start
// fails, so that one was tried shows in the error.
func TestRestore(t *testing.T) {
	for _, c := range []struct {
		policy  container.RestartPolicyMode
		code    uint32
		byHand  bool
		started bool
	}{
		{"no", 1, false, false},
		{"always", 0, false, true},
		{"always", 0, true, true},
		{"unless-stopped", 0, false, true},
		{"unless-stopped", 0, true, false},
		{"on-failure", 1, false, true},
		{"on-failure", 0, false, false},
		{"on-failure", 1, true, false},
	} {
		w, ctx := newWorld(t)
		w.net.busy = errors.New("tried")
		id := w.create(t, ctx, "cc", published, policy(c.policy))
		w.ran(t, ctx, id, c.code)
		w.set(t, ctx, id, func(st *Status) { st.StoppedByHand = c.byHand })
		_, err := w.Restore(ctx)
		if tried := err != nil && strings.Contains(err.Error(), "tried"); tried != c.started {
			t.Errorf("%+v: %v", c, err)
		}
		got, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status.State != container.StateExited || got.Status.Process != (state.Process{}) || !c.started && got.Status.ExitCode != int(c.code) {
			t.Errorf("%+v: %+v", c, got.Status)
		}
	}
}
