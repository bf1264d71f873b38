package container

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/state"
)

// checked gives a container of the world a health check and makes it look as if
// it ran, as this very process.
func (w *world) checked(t *testing.T, ctx context.Context, name string, check *container.HealthConfig) string {
	t.Helper()
	res, err := w.Create(ctx, CreateOptions{
		Name: name, Config: &container.Config{Image: "img", Cmd: []string{"true"}, Healthcheck: check}, HostConfig: &container.HostConfig{NetworkMode: "bridge"},
	})
	if err != nil {
		t.Fatal(err)
	}
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.get(ctx, res.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.Status.State, c.Status.Process, c.Status.StartedAt = container.StateRunning, self, now()
	c.startHealth()
	if err := w.saveStatusAndHealth(ctx, c); err != nil {
		t.Fatal(err)
	}
	return res.ID
}

func test(words ...string) *container.HealthConfig {
	return &container.HealthConfig{Test: words, Interval: time.Minute, Retries: 2}
}

// The tasks of the world run nothing, so every check fails to run.
func TestCheckHealth(t *testing.T) {
	w, ctx := newWorld(t)
	log := &eventLog{}
	w.cfg.Events = log
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	for i, want := range []container.HealthStatus{container.Starting, container.Unhealthy, container.Unhealthy} {
		next, err := w.CheckHealth(ctx, id)
		if err != nil || next != time.Minute {
			t.Fatalf("next in %v, %v", next, err)
		}
		c, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if h := c.health(); h.Status != want || h.FailingStreak != i+1 || len(h.Log) != i+1 || h.Log[i].ExitCode != -1 || h.Log[i].Output == "" || h.Log[i].End.Before(h.Log[i].Start) {
			t.Errorf("after %d: %+v", i+1, h)
		}
	}
	if got := log.of("health_status"); !slices.Equal(got, []string{"health_status: unhealthy"}) {
		t.Errorf("events: %v", got)
	}
}

// eventLog is a sink.
type eventLog struct{ actions []string }

func (l *eventLog) Emit(_ context.Context, e events.Message) {
	l.actions = append(l.actions, string(e.Action))
}

func (l *eventLog) of(prefix string) []string {
	return slices.DeleteFunc(slices.Clone(l.actions), func(a string) bool { return !strings.HasPrefix(a, prefix) })
}

func TestCheckHealthOfOthers(t *testing.T) {
	w, ctx := newWorld(t)
	if _, err := w.CheckHealth(ctx, "nosuch"); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	plain := w.create(t, ctx, "plain")
	if _, err := w.CheckHealth(ctx, plain); !errors.Is(err, ErrNoHealthcheck) {
		t.Errorf("no check: %v", err)
	}
	if _, _, err := w.Healthcheck(ctx, "plain"); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), "--health-cmd") {
		t.Errorf("no check: %v", err)
	}
	id := w.checked(t, ctx, "paused", test("CMD", "a"))
	for _, st := range []container.ContainerState{container.StatePaused, container.StateExited} {
		c, err := w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		c.Status.State = st
		if err := w.saveStatus(ctx, c); err != nil {
			t.Fatal(err)
		}
		if next, err := w.CheckHealth(ctx, id); err != nil || next != time.Minute {
			t.Errorf("%s: next in %v, %v", st, next, err)
		}
		if _, _, err := w.Healthcheck(ctx, "paused"); !errdefs.IsFailedPrecondition(err) {
			t.Errorf("%s: %v", st, err)
		}
		c, err = w.get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Health.Log) > 0 || c.health().Status != container.Unhealthy {
			t.Errorf("%s: %+v", st, c.Health)
		}
	}
}

// Of two checks at once one is left out.
func TestCheckHealthOverlaps(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	l, err := w.lockHealth(ctx, id, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := w.CheckHealth(ctx, id); err != nil || next != time.Minute {
		t.Errorf("next in %v, %v", next, err)
	}
	if c, err := w.get(ctx, id); err != nil || len(c.Health.Log) > 0 {
		t.Errorf("%+v, %v", c.Health, err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

// A result of the run before is not recorded.
func TestCheckOfAnEarlierRun(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	c.Status.Process.Start++ // which is what the check is for
	c.Status.Process.PID = 1
	check, _ := c.check()
	if _, _, err := w.checkOnce(ctx, &Container{Record: c.Record, Status: Status{State: container.StateRunning, Process: state.Process{PID: 1, Start: startOf(t, 1)}}, oci: c.oci}, check); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("%v", err)
	}
	if c, err := w.get(ctx, id); err != nil || len(c.Health.Log) > 0 {
		t.Errorf("%+v, %v", c.Health, err)
	}
}

func startOf(t *testing.T, pid int) uint64 {
	t.Helper()
	p, err := state.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p.Start
}

// A cancelled check records nothing: the container ends, or is paused.
func TestCheckHealthCancelled(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	check, _ := c.check()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := w.checkOnce(cancelled, c, check); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if c, err := w.get(ctx, id); err != nil || len(c.Health.Log) > 0 {
		t.Errorf("%+v, %v", c.Health, err)
	}
}

// A container that is removed during a check leaves no folder.
func TestCheckHealthOfARemovedOne(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	w.tasks.onExec = func() {
		w.set(t, ctx, id, func(st *Status) { st.State = container.StateExited })
		if err := w.Remove(ctx, "cc", RemoveOptions{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.CheckHealth(ctx, id); !errdefs.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	for _, dir := range []string{w.cfg.Layout.Container(id), w.cfg.Layout.ContainerRun(id)} {
		if exists(dir) {
			t.Errorf("%s is left", dir)
		}
	}
}

// Results and states are written by different processes: neither undoes the other.
func TestHealthAndStatusAreApart(t *testing.T) {
	w, ctx := newWorld(t)
	id := w.checked(t, ctx, "cc", test("CMD", "a"))
	stale, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.CheckHealth(ctx, id); err != nil {
		t.Fatal(err)
	}
	stale.Status.RestartCount = 7
	if err := w.saveStatus(ctx, stale); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CheckHealth(ctx, id); err != nil {
		t.Fatal(err)
	}
	if c, err := w.get(ctx, id); err != nil || len(c.Health.Log) != 2 || c.Status.RestartCount != 7 {
		t.Errorf("%+v, %+v, %v", c.Health, c.Status, err)
	}
}

func TestHealthOfTheImage(t *testing.T) {
	img := func(shell []string, words ...string) *image.Image {
		i := &image.Image{}
		i.Config.Config.Healthcheck = &dockerspec.HealthcheckConfig{Test: words, Retries: 3}
		i.Config.Config.Shell = shell
		return i
	}
	own := func(words ...string) *container.Config {
		return &container.Config{Healthcheck: &container.HealthConfig{Test: words}}
	}
	ash := []string{"/bin/ash", "-ec"}
	for _, c := range []struct {
		name  string
		own   *container.Config
		image *image.Image
		want  []string // the command
		shell []string // as inspect shows it
	}{
		{"image's", &container.Config{}, img(nil, "CMD", "a"), []string{"a"}, nil},
		{"image's, in its shell", &container.Config{}, img(ash, "CMD-SHELL", "a b"), []string{"/bin/ash", "-ec", "a b"}, ash},
		{"own, in the image's shell", own("CMD-SHELL", "x"), img(ash, "CMD", "a"), []string{"/bin/ash", "-ec", "x"}, ash},
		{"own, no shell", own("CMD", "x"), img(ash, "CMD-SHELL", "a"), []string{"x"}, nil},
		{"switched off", own("NONE"), img(ash, "CMD-SHELL", "a"), nil, nil},
		{"none at all", &container.Config{}, &image.Image{}, nil, nil},
	} {
		p := &plan{}
		p.HostConfig = &container.HostConfig{}
		got, err := mergeConfig(c.own, c.image, p)
		if err != nil {
			t.Fatal(err)
		}
		check, ok := (&Container{Record: Record{Config: got}}).check()
		if ok != (c.want != nil) || !slices.Equal(check.Command, c.want) || !slices.Equal(got.Shell, c.shell) {
			t.Errorf("%s: %v, %v, shell %v", c.name, check.Command, ok, got.Shell)
		}
	}
}

func TestBadHealthcheck(t *testing.T) {
	w, ctx := newWorld(t)
	_, err := w.Create(ctx, CreateOptions{Config: &container.Config{Image: "img", Cmd: []string{"true"}, Healthcheck: &container.HealthConfig{Interval: 1}}})
	if !errdefs.IsInvalidArgument(err) || err.Error() != "Interval in Healthcheck cannot be less than 1ms" {
		t.Error(err)
	}
}

func TestNextCheck(t *testing.T) {
	self, err := state.Self()
	if err != nil {
		t.Fatal(err)
	}
	cfg := &container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "a"}, Interval: time.Minute, StartPeriod: time.Hour, StartInterval: time.Second}}
	c := &Container{Record: Record{Config: cfg}}
	if got := c.nextCheck(); got != time.Second {
		t.Errorf("before the start: %v", got)
	}
	c.Status = Status{State: container.StateRunning, Process: self, StartedAt: now()}
	for status, want := range map[container.HealthStatus]time.Duration{container.Starting: time.Second, container.Healthy: time.Minute} {
		c.Health = &container.Health{Status: status}
		if got := c.nextCheck(); got != want {
			t.Errorf("%s: %v", status, got)
		}
	}
	if got := (&Container{Record: Record{Config: &container.Config{}}}).nextCheck(); got != 0 {
		t.Errorf("without a check: %v", got)
	}
}

func TestLastOutput(t *testing.T) {
	for output, want := range map[string]string{
		"":             ": its last check ended with exit code 3",
		"\n":           ": its last check ended with exit code 3",
		"a b\nc\n":     ": its last check ended with exit code 3: a b",
		"\n\n  a\r\nb": ": its last check ended with exit code 3: a",
	} {
		h := &container.Health{Log: []*container.HealthcheckResult{{Output: "old"}, {ExitCode: 3, Output: output}}}
		if got := strings.TrimRight(lastOutput(h), "\r"); got != want {
			t.Errorf("%q: %q", output, got)
		}
	}
	if lastOutput(nil)+lastOutput(&container.Health{}) != "" {
		t.Error("of no check")
	}
}
