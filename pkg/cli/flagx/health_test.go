package flagx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apicontainer "github.com/moby/moby/api/types/container"
)

func TestHealthFlags(t *testing.T) {
	for args, want := range map[string]*apicontainer.HealthConfig{
		"img":                              nil,
		"--health-cmd  img":                nil,
		"--health-interval 0s img":         nil,
		"--health-retries 0 img":           nil,
		"--no-healthcheck=false img":       nil,
		"--health-cmd x img":               {Test: []string{"CMD-SHELL", "x"}},
		"--health-retries 4 img":           {Retries: 4},
		"--health-interval 1m30s img":      {Interval: 90 * time.Second},
		"--health-timeout 1us img":         {Timeout: time.Microsecond}, // which the service refuses
		"--health-start-period 2s img":     {StartPeriod: 2 * time.Second},
		"--health-start-interval 3ms img":  {StartInterval: 3 * time.Millisecond},
		"--no-healthcheck img":             {Test: []string{"NONE"}},
		"--health-cmd a --health-cmd= img": nil,
		"--health-cmd a --health-interval 1s --health-timeout 2s --health-start-period 3s --health-start-interval 4s --health-retries 5 img": {
			Test: []string{"CMD-SHELL", "a"}, Interval: time.Second, Timeout: 2 * time.Second, StartPeriod: 3 * time.Second, StartInterval: 4 * time.Second, Retries: 5,
		},
	} {
		got, err := parse(t, strings.Split(args, " ")...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if d := cmp.Diff(want, got.Config.Healthcheck); d != "" {
			t.Errorf("%s: %s", args, d)
		}
	}
	for args, want := range map[string]string{
		"--no-healthcheck --health-cmd x":             "--no-healthcheck conflicts with --health-* options",
		"--no-healthcheck --health-start-interval 1s": "--no-healthcheck conflicts with --health-* options",
		"--no-healthcheck --health-retries 1":         "--no-healthcheck conflicts with --health-* options",
		"--health-interval -1s":                       "--health-interval cannot be negative",
		"--health-timeout -1s":                        "--health-timeout cannot be negative",
		"--health-start-period -1s":                   "--health-start-period cannot be negative",
		"--health-start-interval -1s":                 "--health-start-interval cannot be negative",
		"--health-retries -1":                         "--health-retries cannot be negative",
		"--health-interval 5":                         `invalid argument "5" for "--health-interval" flag: time: missing unit in duration "5"`,
		"--health-timeout x":                          `invalid argument "x" for "--health-timeout" flag: time: invalid duration "x"`,
		"--health-retries 1.5":                        `invalid argument "1.5" for "--health-retries" flag`,
	} {
		if _, err := parse(t, append(strings.Fields(args), "img")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestInitFlag(t *testing.T) {
	for args, want := range map[string]string{"img": "null", "--init img": "true", "--init=false img": "false"} {
		got, err := parse(t, strings.Fields(args)...)
		if err != nil {
			t.Fatal(err)
		}
		text := "null"
		if b := got.HostConfig.Init; b != nil {
			text = map[bool]string{true: "true", false: "false"}[*b]
		}
		if text != want {
			t.Errorf("%s: %s", args, text)
		}
	}
}
