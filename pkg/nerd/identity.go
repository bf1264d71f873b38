package nerd

import "context"

// ContainerdID is what containerd calls itself, the same over restarts.
func (c *Client) ContainerdID(ctx context.Context) (string, error) { return c.ctrd.ID(ctx) }
