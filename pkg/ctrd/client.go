// Package ctrd is the adapter to containerd, the only importer of its client:
// the words of the other packages come in, containerd's are used inside.
package ctrd

import (
	"context"
	"errors"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
)

// DefaultSnapshotter is used where the configuration names none.
const DefaultSnapshotter = "overlayfs"

// Config says which containerd to talk to, and how.
type Config struct {
	Address     string // path of its socket
	Namespace   string
	Snapshotter string // empty: DefaultSnapshotter
}

// Client is a connection to one namespace of a containerd. It is made without a
// round trip; an unreachable containerd shows at the first call.
type Client struct {
	cfg   Config
	inner *containerd.Client
}

// Dial prepares a connection.
func Dial(cfg Config) (*Client, error) {
	if cfg.Snapshotter == "" {
		cfg.Snapshotter = DefaultSnapshotter
	}
	inner, err := containerd.New(cfg.Address, containerd.WithDefaultNamespace(cfg.Namespace))
	if err != nil {
		return nil, fmt.Errorf("containerd at %s: %w", cfg.Address, err)
	}
	return &Client{cfg: cfg, inner: inner}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.inner.Close() }

// Address is the socket's path.
func (c *Client) Address() string { return c.cfg.Address }

// Namespace is the namespace that every call uses.
func (c *Client) Namespace() string { return c.cfg.Namespace }

// SnapshotterName is the snapshotter new containers and images use.
func (c *Client) SnapshotterName() string { return c.cfg.Snapshotter }

// Context carries the namespace for the packages of containerd that want it in
// the context rather than on the connection.
func (c *Client) Context(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, c.cfg.Namespace)
}

// Containers is the container store.
func (c *Client) Containers() containers.Store { return c.inner.ContainerService() }

// Images is the image store.
func (c *Client) Images() images.Store { return c.inner.ImageService() }

// Content is the content store.
func (c *Client) Content() content.Store { return c.inner.ContentStore() }

// Leases is the lease manager.
func (c *Client) Leases() leases.Manager { return c.inner.LeasesService() }

// Snapshots is the named snapshotter; an empty name is the client's own.
func (c *Client) Snapshots(name string) snapshots.Snapshotter {
	if name == "" {
		name = c.cfg.Snapshotter
	}
	return c.inner.SnapshotService(name)
}

// Tasks is the task service.
func (c *Client) Tasks() Tasks { return &tasks{c.inner.TaskService()} }

// Version is containerd's version and revision.
func (c *Client) Version(ctx context.Context) (version, revision string, err error) {
	v, err := c.inner.Version(ctx)
	return v.Version, v.Revision, err
}

// IsUnreachable tells whether err means that nobody answers at the socket.
func IsUnreachable(err error) bool {
	return errdefs.IsUnavailable(err) && !errors.Is(err, context.Canceled)
}
