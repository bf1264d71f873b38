package nerd

import (
	"context"

	"github.com/nerd-cli/nerd/pkg/engine"
)

// UpBuilder makes the builder of the client's namespace run and tells the address
// of its socket. env is the environment of a builder that is started, beside
// PATH: proxies and the like.
func (c *Client) UpBuilder(ctx context.Context, env []string) (socket string, err error) {
	return engine.UpBuilder(ctx, engine.Options{Layout: c.Layout, Address: c.Address(), Env: env})
}

// StopBuilder stops the builder of the client's namespace, if it runs.
func (c *Client) StopBuilder(ctx context.Context) error {
	_, err := engine.StopBuilder(ctx, c.Layout, c.Address())
	return err
}
