package ctrd

import "context"

// ID is what containerd calls itself, the same over restarts.
func (c *Client) ID(ctx context.Context) (string, error) {
	info, err := c.inner.Server(c.Context(ctx))
	return info.UUID, err
}
