package health

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    *container.HealthConfig
		shell []string
		want  []string // nil: no check
	}{
		{"nothing", nil, nil, nil},
		{"times alone", &container.HealthConfig{Interval: time.Second}, nil, nil},
		{"none", &container.HealthConfig{Test: []string{"NONE"}}, nil, nil},
		{"none with more", &container.HealthConfig{Test: []string{"NONE", "x"}}, nil, nil},
		{"command", &container.HealthConfig{Test: []string{"CMD", "a", "b c"}}, []string{"zsh"}, []string{"a", "b c"}},
		{"no command", &container.HealthConfig{Test: []string{"CMD"}}, nil, nil},
		{"shell", &container.HealthConfig{Test: []string{"CMD-SHELL", "a && b"}}, nil, []string{"/bin/sh", "-c", "a && b"}},
		{"own shell", &container.HealthConfig{Test: []string{"CMD-SHELL", "a"}}, []string{"/bin/ash", "-ec"}, []string{"/bin/ash", "-ec", "a"}},
		{"unknown", &container.HealthConfig{Test: []string{"a", "b"}}, nil, nil},
	} {
		got, ok := Of(c.in, c.shell)
		if ok != (c.want != nil) || !slices.Equal(got.Command, c.want) {
			t.Errorf("%s: %v, %v", c.name, got.Command, ok)
		}
	}
}

func TestOfFillsDefaults(t *testing.T) {
	got, _ := Of(&container.HealthConfig{Test: []string{"CMD", "a"}}, nil)
	want := Check{Command: []string{"a"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, StartInterval: 5 * time.Second, Retries: 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	set := &container.HealthConfig{Test: []string{"CMD", "a"}, Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5}
	got, _ = Of(set, nil)
	if d := cmp.Diff(Check{Command: []string{"a"}, Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5}, got); d != "" {
		t.Error(d)
	}
}

func TestWait(t *testing.T) {
	c := Check{Interval: 30 * time.Second, StartPeriod: time.Minute, StartInterval: time.Second}
	for _, tc := range []struct {
		status container.HealthStatus
		since  time.Duration
		want   time.Duration
	}{
		{container.Starting, 0, time.Second},
		{container.Starting, 59 * time.Second, time.Second},
		{container.Starting, time.Minute, 30 * time.Second},
		{container.Healthy, 0, 30 * time.Second}, // the start is over with the first success
		{container.Unhealthy, 0, 30 * time.Second},
	} {
		if got := c.Wait(tc.status, tc.since); got != tc.want {
			t.Errorf("%s after %v: %v, want %v", tc.status, tc.since, got, tc.want)
		}
	}
	c.StartPeriod = 0
	if got := c.Wait(container.Starting, 0); got != 30*time.Second {
		t.Errorf("without a start period: %v", got)
	}
}

// at is the result of a check that began so long after the container.
func at(after time.Duration, code int) container.HealthcheckResult {
	return container.HealthcheckResult{Start: began.Add(after), End: began.Add(after + time.Millisecond), ExitCode: code}
}

func TestApply(t *testing.T) {
	c := Check{Retries: 2, StartPeriod: 10 * time.Second}
	for _, tc := range []struct {
		name    string
		results string // a letter per second: g good, b bad, x failed to run; a space is no check
		want    string // the status after each, with the streak
	}{
		{"good", "gg", "healthy0 healthy0"},
		{"failures in the start period do not count", "bbbb", "starting0 starting0 starting0 starting0"},
		{"after it they do", "bbbbbbbbbb bb", strings.Repeat("starting0 ", 10) + "starting1 unhealthy2"},
		{"after a success they count at once", "bgbb", "starting0 healthy0 healthy1 unhealthy2"},
		{"a success heals", "gxxxg", "healthy0 healthy1 unhealthy2 unhealthy3 healthy0"},
		{"unhealthy stays so on a further failure", "gbbb", "healthy0 healthy1 unhealthy2 unhealthy3"},
	} {
		var h *container.Health
		var got []string
		for i, letter := range tc.results {
			code, ok := map[rune]int{'g': 0, 'b': 1, 'x': FailedToRun}[letter]
			if !ok {
				continue
			}
			h = c.Apply(h, at(time.Duration(i)*time.Second, code), began)
			got = append(got, fmt.Sprint(h.Status, h.FailingStreak))
		}
		if text := strings.Join(got, " "); text != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, text, tc.want)
		}
	}
}

func TestApplyKeepsFiveResults(t *testing.T) {
	var h *container.Health
	for i := range 8 {
		last := h
		h = Check{Retries: 3}.Apply(last, at(time.Duration(i)*time.Second, i), began)
		if len(h.Log) != min(i+1, 5) || h.Log[len(h.Log)-1].ExitCode != i {
			t.Fatalf("after %d: %d results, the last with %d", i, len(h.Log), h.Log[len(h.Log)-1].ExitCode)
		}
		if last != nil && len(last.Log) != min(i, 5) {
			t.Fatal("the health before was changed")
		}
	}
	if h.Log[0].ExitCode != 3 {
		t.Errorf("the oldest is %d", h.Log[0].ExitCode)
	}
}

// Whatever the results, no more than five are kept, a success is healthy, and
// nobody becomes unhealthy before as many failures as it has retries.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 1, 2, 255}, 3, int64(time.Second))
	f.Fuzz(func(t *testing.T, codes []byte, retries int, period int64) {
		c := Check{Retries: max(1, retries%10), StartPeriod: time.Duration(period)}
		h := Start(nil)
		failures := 0
		for i, code := range codes {
			h = c.Apply(h, at(time.Duration(i)*time.Second, int(code)), began)
			failures++
			if code == 0 {
				failures = 0
			}
			switch {
			case len(h.Log) > maxResults || len(h.Log) == 0:
				t.Fatalf("%d results", len(h.Log))
			case code == 0 && (h.Status != container.Healthy || h.FailingStreak != 0):
				t.Fatalf("a success makes it %s", h.Status)
			case h.FailingStreak > failures:
				t.Fatalf("%d failures are counted as %d", failures, h.FailingStreak)
			case (h.Status == container.Unhealthy) != (h.FailingStreak >= c.Retries):
				t.Fatalf("%s after %d of %d", h.Status, h.FailingStreak, c.Retries)
			}
		}
	})
}

func TestStartAndHalt(t *testing.T) {
	if h := Start(nil); h.Status != container.Starting || h.FailingStreak != 0 || h.Log != nil {
		t.Errorf("the first start: %+v", h)
	}
	if Halt(nil) != nil {
		t.Error("no health becomes one")
	}
	one := at(0, 7)
	last := &container.Health{Status: container.Healthy, FailingStreak: 1, Log: []*container.HealthcheckResult{&one}}
	if h := Start(last); h.Status != container.Starting || h.FailingStreak != 0 || len(h.Log) != 1 {
		t.Errorf("another start: %+v", h)
	}
	if h := Halt(last); h.Status != container.Unhealthy || h.FailingStreak != 1 || len(h.Log) != 1 {
		t.Errorf("a halt: %+v", h)
	}
	if last.Status != container.Healthy || last.FailingStreak != 1 {
		t.Errorf("it was changed: %+v", last)
	}
}

func TestMerge(t *testing.T) {
	image := &dockerspec.HealthcheckConfig{Test: []string{"CMD", "image"}, Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5}
	whole := &container.HealthConfig{Test: []string{"CMD", "own"}, Interval: 11, Timeout: 12, StartPeriod: 13, StartInterval: 14, Retries: 15}
	for _, c := range []struct {
		name  string
		own   *container.HealthConfig
		image *dockerspec.HealthcheckConfig
		want  *container.HealthConfig
	}{
		{"nobody", nil, nil, nil},
		{"image alone", nil, image, &container.HealthConfig{Test: []string{"CMD", "image"}, Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5}},
		{"own alone", whole, nil, whole},
		{"own wins", whole, image, whole},
		{"a time", &container.HealthConfig{Timeout: 12}, image, &container.HealthConfig{Test: []string{"CMD", "image"}, Interval: 1, Timeout: 12, StartPeriod: 3, StartInterval: 4, Retries: 5}},
		{"NONE", &container.HealthConfig{Test: []string{"NONE"}}, image, &container.HealthConfig{Test: []string{"NONE"}, Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5}},
	} {
		if d := cmp.Diff(c.want, Merge(c.own, c.image)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, in := range map[string]*container.HealthConfig{
		"Interval in Healthcheck cannot be less than 1ms":      {Interval: time.Microsecond},
		"Timeout in Healthcheck cannot be less than 1ms":       {Timeout: -1},
		"StartPeriod in Healthcheck cannot be less than 1ms":   {StartPeriod: 1},
		"StartInterval in Healthcheck cannot be less than 1ms": {StartInterval: time.Millisecond - 1},
		"Retries in Healthcheck cannot be negative":            {Retries: -1},
	} {
		if err := Validate(in); err == nil || err.Error() != want || !errdefs.IsInvalidArgument(err) {
			t.Errorf("%+v: %v, want %s", in, err, want)
		}
	}
	for _, in := range []*container.HealthConfig{nil, {}, {Interval: time.Millisecond, Timeout: time.Hour, Retries: 1}} {
		if err := Validate(in); err != nil {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func TestOutput(t *testing.T) {
	var o Output
	if o.String() != "" {
		t.Error("not empty")
	}
	for _, part := range []string{"a", strings.Repeat("b", 4095), ""} {
		if n, err := o.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if got := o.String(); len(got) != 4096 || strings.HasSuffix(got, "...") {
		t.Errorf("%d bytes", len(got))
	}
	if n, err := o.Write([]byte("c")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := o.String(); len(got) != 4099 || !strings.HasSuffix(got, "b...") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestOutputOfTwoStreams(t *testing.T) {
	var o Output
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 1000 {
				_, _ = fmt.Fprint(&o, "xy")
			}
		})
	}
	g.Wait()
	if got := o.String(); got != strings.Repeat("xy", 2048)+"..." {
		t.Errorf("%d bytes", len(got))
	}
}

func TestTookTooLong(t *testing.T) {
	if got := TookTooLong(1500*time.Millisecond, ""); got != "Health check exceeded timeout (1.5s)" {
		t.Error(got)
	}
	if got := TookTooLong(time.Minute, "out\n"); got != "Health check exceeded timeout (1m0s): out\n" {
		t.Error(got)
	}
}
