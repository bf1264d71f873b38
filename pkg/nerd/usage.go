package nerd

import (
	"context"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// DiskUsage is what nerd keeps on disk in one namespace, for `docker system df`.
type DiskUsage struct {
	Images     image.Usage
	Containers []apicontainer.Summary // with their sizes in bytes
	Volumes    []volume.Usage         // but for those whose options mount something
}

// DiskUsage measures everything, which reads all folders of volumes.
func (c *Client) DiskUsage(ctx context.Context) (DiskUsage, error) {
	var out DiskUsage
	var err error
	if out.Images, err = c.Images.Usage(ctx); err != nil {
		return out, err
	}
	if out.Containers, err = c.Containers.List(ctx, container.ListOptions{All: true, Size: true}); err != nil {
		return out, err
	}
	out.Volumes, err = c.Volumes.Usage(ctx)
	return out, err
}

// PruneNetworks removes the networks that no container uses and that were made
// before until, if that is set, have all of labels and none of not.
func (c *Client) PruneNetworks(ctx context.Context, until time.Time, labels, not []string) ([]string, error) {
	return c.Networks.Prune(ctx, netutil.PruneOptions{Until: until, Labels: labels, NotLabels: not})
}
