package container

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// A container of the fake is checked if its name says so, and fails if that does.
func (f *fake) HasHealthcheck(_ context.Context, name string) (bool, error) {
	return strings.Contains(name, "checked"), missing(name)
}

func (f *fake) WaitFor(ctx context.Context, name string, cond container.WaitCondition) error {
	f.record("wait for %s %s", name, cond)
	switch {
	case strings.Contains(name, "slow"):
		<-ctx.Done()
		return ctx.Err()
	case strings.Contains(name, "ill"):
		return errors.New("container " + name + " is unhealthy")
	}
	return missing(name)
}

func (f *fake) Healthcheck(_ context.Context, name string) (apicontainer.HealthcheckResult, apicontainer.HealthStatus, error) {
	if strings.Contains(name, "ill") {
		return apicontainer.HealthcheckResult{ExitCode: 1}, apicontainer.Starting, nil
	}
	return apicontainer.HealthcheckResult{}, apicontainer.Healthy, missing(name)
}

// runOptions parses the flags of run.
func runOptions(t *testing.T, args ...string) (*RunOptions, error) {
	t.Helper()
	ios, _, _, _ := iostreams.Test()
	var got *RunOptions
	cmd := NewCmdRun(&factory.Factory{IO: ios, Signals: &factory.Signals{}}, func(_ context.Context, o *RunOptions) error {
		got = o
		return nil
	})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	return got, errors.Join(cmd.ExecuteContext(t.Context()))
}

func TestWaitFlags(t *testing.T) {
	for args, want := range map[string]ReadyOptions{
		"-d img":                {},
		"-d --wait img":         {Condition: "auto"},
		"-d --wait=running img": {Condition: "running"},
		"--wait=healthy -d --wait-timeout 90s img":    {Condition: "healthy", Timeout: 90 * time.Second},
		"-d --wait --wait-timeout 1500ms img healthy": {Condition: "auto", Timeout: 1500 * time.Millisecond},
	} {
		o, err := runOptions(t, strings.Fields(args)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if o.Wait != want {
			t.Errorf("%s: %+v", args, o.Wait)
		}
	}
	for args, want := range map[string]string{
		"--wait img":                       "give --detach",
		"-d --wait=started img":            `invalid value "started" for --wait`,
		"-d --wait-timeout 5s img":         "give that, too",
		"-d --wait --wait-timeout -5s img": "cannot be negative",
		"-d --wait --wait-timeout 5 img":   "invalid argument",
	} {
		if _, err := runOptions(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestAwait(t *testing.T) {
	for _, c := range []struct {
		name, id string
		in       ReadyOptions
		calls    string
		err      string
	}{
		{"not asked for", "x", ReadyOptions{}, "", ""},
		{"no check", "x", ReadyOptions{Condition: "auto"}, "wait for x running", ""},
		{"a check", "checked", ReadyOptions{Condition: "auto"}, "wait for checked healthy", ""},
		{"told", "checked", ReadyOptions{Condition: "running"}, "wait for checked running", ""},
		{"unhealthy", "ill", ReadyOptions{Condition: "healthy", Timeout: time.Hour}, "wait for ill healthy", "container ill is unhealthy"},
		{"slow", "slow", ReadyOptions{Condition: "healthy", Timeout: 20 * time.Millisecond}, "wait for slow healthy", "container slow is not healthy after 20ms; it goes on"},
	} {
		f := &fake{}
		err := c.in.await(t.Context(), f, c.id)
		if got := strings.Join(f.calls, ","); got != c.calls {
			t.Errorf("%s: calls %q", c.name, got)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err || errs.Code(err, 0) != 125) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// An interrupt is the caller's, not a failure of the container.
func TestAwaitInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := ReadyOptions{Condition: "running", Timeout: time.Hour}
	if err := in.await(ctx, &fake{}, "slow"); !errors.Is(err, context.Canceled) || errs.Code(err, 0) == 125 {
		t.Error(err)
	}
}

func TestWaitCondition(t *testing.T) {
	f := &fake{}
	b, out, stderr := base(f)
	err := runWait(t.Context(), &WaitOptions{Base: b, Names: []string{"a", "ill", "b"}, Condition: "healthy"})
	if err == nil || out.String() != "healthy\nhealthy\n" || !strings.Contains(stderr.String(), "ill is unhealthy") {
		t.Errorf("%v, %q, %q", err, out, stderr)
	}
	ios, _, _, _ := iostreams.Test()
	cmd := NewCmdWait(&factory.Factory{IO: ios, Signals: &factory.Signals{}}, func(context.Context, *WaitOptions) error { return nil })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{"--condition", "dead", "x"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), `invalid condition "dead"`) {
		t.Error(err)
	}
}

func TestHealthcheck(t *testing.T) {
	for name, want := range map[string]struct {
		out  string
		code int
	}{"x": {"healthy\n", 0}, "ill": {"starting\n", 1}, "nosuch": {"", -1}} {
		b, out, _ := base(&fake{})
		err := runHealthcheck(t.Context(), &NamesOptions{Base: b, Names: []string{name}})
		if (err == nil) != (want.code == 0) || out.String() != want.out || want.code == 1 && errs.Code(err, 0) != 1 {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}
