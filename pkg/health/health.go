// Package health decides what a container's health checks mean: which command is
// run, when, and what its results make of the container. It is pure; package
// container runs the commands and nerd-monitor keeps the time. The rules are
// dockerd's.
package health

import (
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Docker's defaults for what a check leaves open.
const (
	DefaultInterval      = 30 * time.Second
	DefaultTimeout       = 30 * time.Second
	DefaultStartInterval = 5 * time.Second
	DefaultRetries       = 3
)

// maxResults is how many results are kept.
const maxResults = 5

// FailedToRun is the exit code of a check that has none of its own: it did not
// start, or took too long.
const FailedToRun = -1

// Check is a health check with nothing left open.
type Check struct {
	Command       []string      // program and arguments
	Interval      time.Duration // from the end of one check to the next
	Timeout       time.Duration
	StartPeriod   time.Duration // in which failures do not count
	StartInterval time.Duration // instead of Interval, in the start period
	Retries       int           // failures in a row that make a container unhealthy
}

// Of is a container's check. The second result is false if it has none: nothing
// is configured, the check is NONE or of a kind that does not exist. A command
// for the shell is run by shell, /bin/sh -c if there is none.
func Of(h *container.HealthConfig, shell []string) (Check, bool) {
	if h == nil || len(h.Test) < 2 {
		return Check{}, false
	}
	c := Check{
		Interval: orDefault(h.Interval, DefaultInterval), Timeout: orDefault(h.Timeout, DefaultTimeout),
		StartPeriod: h.StartPeriod, StartInterval: orDefault(h.StartInterval, DefaultStartInterval), Retries: h.Retries,
	}
	if c.Retries <= 0 {
		c.Retries = DefaultRetries
	}
	switch h.Test[0] {
	case "CMD":
		c.Command = slices.Clone(h.Test[1:])
	case "CMD-SHELL":
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		c.Command = slices.Concat(shell, h.Test[1:])
	default:
		return Check{}, false
	}
	return c, true
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// Wait is how long to wait before the next check. sinceStart is how long the
// container has been running.
func (c Check) Wait(status container.HealthStatus, sinceStart time.Duration) time.Duration {
	if status == container.Starting && sinceStart < c.StartPeriod {
		return c.StartInterval
	}
	return c.Interval
}

// Start is the health of a container that is started. The results of earlier
// runs stay; last is nil if there were none.
func Start(last *container.Health) *container.Health {
	h := &container.Health{Status: container.Starting}
	if last != nil {
		h.Log = slices.Clone(last.Log)
	}
	return h
}

// Halt is the health of a container whose checks have stopped because it was
// paused or has ended: unhealthy, as dockerd says, and otherwise what it was.
func Halt(last *container.Health) *container.Health {
	if last == nil {
		return nil
	}
	h := *last
	h.Status = container.Unhealthy
	return &h
}

// Apply is the health after a check of a container that was started at started.
// Failures in the start period do not count as long as no check has succeeded.
func (c Check) Apply(last *container.Health, result container.HealthcheckResult, started time.Time) *container.Health {
	h := container.Health{Status: container.Starting}
	if last != nil {
		h = *last
	}
	h.Log = append(slices.Clone(h.Log[max(0, len(h.Log)+1-maxResults):]), &result)
	switch {
	case result.ExitCode == 0:
		h.Status, h.FailingStreak = container.Healthy, 0
	case h.Status == container.Starting && result.Start.Sub(started) < c.StartPeriod:
	default:
		h.FailingStreak++
		if h.FailingStreak >= c.Retries {
			h.Status = container.Unhealthy
		}
	}
	return &h
}
