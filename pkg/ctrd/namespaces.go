package ctrd

import (
	"context"

	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// Namespaces is the store of namespaces, which is not itself in one.
func (c *Client) Namespaces() namespaces.Store { return c.inner.NamespaceService() }

// In carries another namespace than the client's own for the calls made with it.
func (c *Client) In(ctx context.Context, namespace string) context.Context {
	return namespaces.WithNamespace(ctx, namespace)
}
