package monitor

import (
	"context"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// StopHealth has the monitor run no more health checks, and waits until the one
// that may be running has ended.
func (c *Client) StopHealth(ctx context.Context) error { return c.setHealth(ctx, wire.HealthOff) }

// ResumeHealth has the monitor run the next health check after a while.
func (c *Client) ResumeHealth(ctx context.Context, after time.Duration) error {
	return c.setHealth(ctx, uint64(milliseconds(after)))
}

func (c *Client) setHealth(ctx context.Context, delay uint64) error {
	for {
		err := c.send(wire.Append64(wire.AppendHeader(nil, wire.Health, 8), delay))
		if err != nil && !isGone(err) {
			return err
		}
		select {
		case <-c.health:
			return nil
		case <-c.exited:
			return nil
		case <-c.broken:
			return c.err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(healthAgain): // the monitor was killed before it answered
		}
	}
}

// healthAgain is when a request without an answer is repeated. A check that has
// to break off first may take longer; saying it twice does no harm.
const healthAgain = time.Second

// milliseconds is d for the monitor, at least one.
func milliseconds(d time.Duration) int64 { return max(1, d.Milliseconds()) }
