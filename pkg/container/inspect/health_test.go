package inspect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
)

func TestHealth(t *testing.T) {
	result := &container.HealthcheckResult{Start: started, End: finished, ExitCode: 1, Output: "no\n"}
	for _, c := range []struct {
		name    string
		state   container.ContainerState
		health  *container.Health
		status  string // of ps
		summary container.HealthSummary
		json    string // of inspect
	}{
		{"none", container.StateRunning, nil, "Up 5 minutes", container.HealthSummary{Status: "none"}, ""},
		{
			"starting", container.StateRunning, &container.Health{Status: "starting"}, "Up 5 minutes (health: starting)",
			container.HealthSummary{Status: "starting"},
			`"Health":{"Status":"starting","FailingStreak":0,"Log":[]}`,
		},
		{
			"healthy", container.StateRunning, &container.Health{Status: "healthy"}, "Up 5 minutes (healthy)",
			container.HealthSummary{Status: "healthy"},
			`"Health":{"Status":"healthy"`,
		},
		{
			"unhealthy", container.StateRunning, &container.Health{Status: "unhealthy", FailingStreak: 3, Log: []*container.HealthcheckResult{result}},
			"Up 5 minutes (unhealthy)",
			container.HealthSummary{Status: "unhealthy", FailingStreak: 3},
			`"FailingStreak":3,"Log":[{"Start":"2026-11-21T04:56:05.833290197Z","End":"2026-11-21T04:57:03.833290197Z","ExitCode":1,"Output":"no\n"}]`,
		},
		{
			"paused", container.StatePaused, &container.Health{Status: "unhealthy"}, "Up 5 minutes (Paused)",
			container.HealthSummary{Status: "unhealthy"},
			`"Status":"unhealthy"`,
		},
		{
			"ended", container.StateExited, &container.Health{Status: "unhealthy"}, "Exited (137) 5 minutes ago",
			container.HealthSummary{Status: "unhealthy"},
			`"Status":"unhealthy"`,
		},
	} {
		in := example(t, c.state)
		in.Health = c.health
		if got := StatusText(in, at); got != c.status {
			t.Errorf("%s: %q", c.name, got)
		}
		if got := Summary(in, at).Health; got == nil || *got != c.summary {
			t.Errorf("%s: %+v", c.name, got)
		}
		data, err := json.Marshal(Response(in, Files{}).State)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(data); !strings.Contains(text, c.json) || c.json == "" && strings.Contains(text, "Health") {
			t.Errorf("%s: %s", c.name, text)
		}
		if c.health != nil && c.health.Status == "starting" && c.health.Log != nil {
			t.Errorf("%s: the health was changed", c.name)
		}
	}
}
