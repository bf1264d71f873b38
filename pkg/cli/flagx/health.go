package flagx

import (
	"errors"
	"fmt"
	"time"

	"github.com/docker/cli/opts"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// health makes the health check of its flags, as docker's client does. What they
// leave open is the image's.
func (c *ContainerFlags) health(*pflag.FlagSet) error {
	h := apicontainer.HealthConfig{Retries: c.healthRetries}
	if c.healthCommand != "" {
		h.Test = []string{"CMD-SHELL", c.healthCommand}
	}
	given := len(h.Test) > 0 || h.Retries != 0
	for _, d := range []struct {
		flag string
		from *opts.DurationOpt
		to   *time.Duration
	}{
		{"health-interval", &c.healthInterval, &h.Interval},
		{"health-timeout", &c.healthTimeout, &h.Timeout},
		{"health-start-period", &c.healthStart, &h.StartPeriod},
		{"health-start-interval", &c.healthStartInterval, &h.StartInterval},
	} {
		if value := d.from.Value(); value != nil {
			*d.to = *value
		}
		given = given || *d.to != 0
		if *d.to < 0 {
			return fmt.Errorf("--%s cannot be negative", d.flag)
		}
	}
	if h.Retries < 0 {
		return errors.New("--health-retries cannot be negative")
	}
	switch {
	case c.noHealthcheck && given:
		return errors.New("--no-healthcheck conflicts with --health-* options")
	case c.noHealthcheck:
		c.Config.Healthcheck = &apicontainer.HealthConfig{Test: []string{"NONE"}}
	case given:
		c.Config.Healthcheck = &h
	}
	return nil
}
