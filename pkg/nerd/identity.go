package nerd

import (
	"context"

	"github.com/nerd-cli/nerd/pkg/engine"
)

// ContainerdID is what containerd calls itself, the same over restarts.
func (c *Client) ContainerdID(ctx context.Context) (string, error) { return c.ctrd.ID(ctx) }

// BuilderSocket is where the builder of the client's namespace answers, if it runs.
func (c *Client) BuilderSocket() string { return engine.BuildSocket(c.Layout, c.Address()) }
