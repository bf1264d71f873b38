package ctrd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/introspection"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// leaseLife bounds how long what a killed command was making is kept from
// garbage collection. A living command deletes its lease by itself.
const leaseLife = 24 * time.Hour

// Diff applies layers to mounts and compares mounts.
func (c *Client) Diff() containerd.DiffService { return c.inner.DiffService() }

// Stores are containerd's services where they are in this process. A service
// left out is nil, and a call to it fails.
type Stores struct {
	Images       images.Store
	Content      content.Store
	Leases       leases.Manager
	Snapshotters map[string]snapshots.Snapshotter
	Diff         containerd.DiffService
}

// Local makes a client of services in this process instead of a connection. The
// caller carries the namespace in the context: see Client.Context.
func Local(cfg Config, s Stores) (*Client, error) {
	if cfg.Snapshotter == "" {
		cfg.Snapshotter = DefaultSnapshotter
	}
	inner, err := containerd.New("", containerd.WithDefaultNamespace(cfg.Namespace), containerd.WithServices(
		containerd.WithImageStore(s.Images),
		containerd.WithContentStore(s.Content),
		containerd.WithLeasesService(s.Leases),
		containerd.WithSnapshotters(s.Snapshotters),
		containerd.WithDiffService(s.Diff),
		containerd.WithIntrospectionService(noPlugins{}),
	))
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, inner: inner}, nil
}

// Leased gives a context under which all that is made is kept, for a day at
// most, until done is called. Call done in every case: what no image, container
// or snapshot refers to by then is garbage, and is collected before done returns
// if collect is set. Within another lease it does nothing. The labels say whose
// the lease is, for whoever finds it after a crash.
func (c *Client) Leased(ctx context.Context, labels map[string]string) (leased context.Context, done func(collect bool) error, err error) {
	if _, held := leases.FromContext(ctx); held {
		return ctx, func(bool) error { return nil }, nil
	}
	manager := c.Leases()
	lease, err := manager.Create(c.Context(ctx), leases.WithRandomID(), leases.WithExpiration(leaseLife), leases.WithLabels(labels))
	if err != nil {
		return nil, nil, err
	}
	undo := context.WithoutCancel(c.Context(ctx))
	return leases.WithLease(c.Context(ctx), lease.ID), func(collect bool) error {
		if collect {
			return manager.Delete(undo, lease, leases.SynchronousDelete)
		}
		return manager.Delete(undo, lease)
	}, nil
}

// Snapshotter is what containerd says of one of its snapshotters.
type Snapshotter struct {
	// Capabilities are what it can do beyond the usual, "rebase" for instance.
	Capabilities []string
	// Remote tells that it can make the snapshot of a layer that is not here, if it
	// is told where the layer comes from.
	Remote bool
}

// remoteExport is how containerd's configuration says of a snapshotter beside it
// that it is remote.
const remoteExport = "enable_remote_snapshot_annotations"

// remoteSnapshotters are well known to be.
var remoteSnapshotters = []string{"stargz", "nydus", "overlaybd", "soci"}

// Snapshotter describes a snapshotter. One that containerd has not, or could not
// start, is NotFound.
func (c *Client) Snapshotter(ctx context.Context, name string) (*Snapshotter, error) {
	found, err := c.inner.IntrospectionService().Plugins(ctx, fmt.Sprintf("type==%s", plugins.SnapshotPlugin))
	if err != nil {
		return nil, err
	}
	var others []string
	for _, p := range found.Plugins {
		switch {
		case p.ID == name && p.InitErr == nil, p.ID == "": // of services in this process
			return &Snapshotter{p.Capabilities, p.Exports[remoteExport] == "true" || slices.Contains(remoteSnapshotters, name)}, nil
		case p.InitErr == nil:
			others = append(others, p.ID)
		}
	}
	slices.Sort(others)
	err = &missingSnapshotter{fmt.Sprintf("containerd at %s has no snapshotter %s that works, only %s", c.Address(), name, strings.Join(others, ", "))}
	if slices.Contains(remoteSnapshotters, name) {
		err = errs.WithHint(err, "start its own service, and name that under proxy_plugins in containerd's configuration")
	}
	return nil, err
}

type missingSnapshotter struct{ text string }

func (e *missingSnapshotter) Error() string { return e.text }
func (e *missingSnapshotter) Unwrap() error { return errdefs.ErrNotFound }

// noPlugins answers for services in this process: their snapshotters have no
// more than the usual capabilities.
type noPlugins struct{ introspection.Service }

func (noPlugins) Plugins(context.Context, ...string) (*introspectionapi.PluginsResponse, error) {
	return &introspectionapi.PluginsResponse{Plugins: []*introspectionapi.Plugin{{}}}, nil
}
