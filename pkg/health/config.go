package health

import (
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
)

// minimum is the shortest time that a check may be given.
const minimum = time.Millisecond

// Merge fills what a container's own configuration leaves open with the image's.
// Either may be nil. Neither is changed.
func Merge(own *container.HealthConfig, image *dockerspec.HealthcheckConfig) *container.HealthConfig {
	switch {
	case image == nil:
		return own
	case own == nil:
		own = &container.HealthConfig{}
	}
	out := *own
	if len(out.Test) == 0 {
		out.Test = image.Test
	}
	for _, d := range []struct {
		own   *time.Duration
		image time.Duration
	}{
		{&out.Interval, image.Interval},
		{&out.Timeout, image.Timeout},
		{&out.StartPeriod, image.StartPeriod},
		{&out.StartInterval, image.StartInterval},
	} {
		if *d.own == 0 {
			*d.own = d.image
		}
	}
	if out.Retries == 0 {
		out.Retries = image.Retries
	}
	return &out
}

// Validate refuses, in dockerd's words, what cannot be meant. The error is of
// the kind InvalidArgument.
func Validate(h *container.HealthConfig) error {
	if h == nil {
		return nil
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Interval", h.Interval},
		{"Timeout", h.Timeout},
		{"StartPeriod", h.StartPeriod},
		{"StartInterval", h.StartInterval},
	} {
		if d.value != 0 && d.value < minimum {
			return invalid(fmt.Sprintf("%s in Healthcheck cannot be less than %s", d.name, minimum))
		}
	}
	if h.Retries < 0 {
		return invalid("Retries in Healthcheck cannot be negative")
	}
	return nil
}

// invalid is an error whose kind does not show in its text.
type invalid string

func (i invalid) Error() string { return string(i) }
func (i invalid) Unwrap() error { return errdefs.ErrInvalidArgument }
