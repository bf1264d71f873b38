package nerd

import (
	"context"

	"github.com/nerd-cli/nerd/pkg/engine"
)

// UpBuilder makes the builder of the client's namespace run and tells the address
// of its socket. env is the environment of a builder that is started, beside
// PATH: proxies and the like.
func (c *Client) UpBuilder(ctx context.Context, env []string) (socket string, err error) {
	return engine.UpBuilder(ctx, engine.Options{Layout: c.Layout, Address: c.Address(), Env: env, HostsDirs: c.hostsDirs, Insecure: c.insecure})
}

// RemoveBuilder stops the builder of the client's namespace and removes its cache.
// Images that were built stay.
func (c *Client) RemoveBuilder(ctx context.Context) error {
	if err := engine.RemoveBuilder(ctx, c.Layout, c.Address()); err != nil {
		return err
	}
	return c.Namespaces.DropBuildCache(ctx, c.Layout.Namespace)
}

// removeBuilder stops the builder of any namespace and removes its files.
func (c *Client) removeBuilder(ctx context.Context, namespace string) error {
	l := c.Layout
	l.Namespace = namespace
	return engine.RemoveBuilder(ctx, l, c.Address())
}

// StopBuilder stops the builder of the client's namespace, if it runs.
func (c *Client) StopBuilder(ctx context.Context) error {
	_, err := engine.StopBuilder(ctx, c.Layout, c.Address())
	return err
}
