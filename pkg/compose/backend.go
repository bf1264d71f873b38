package compose

import (
	"context"

	apicontainer "github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/network"
	apivolume "github.com/moby/moby/api/types/volume"

	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// Backend is what projects are run on. The services of nerd.Client fit as they are.
type Backend struct {
	Containers Containers
	Images     Images
	Networks   Networks
	Volumes    Volumes
}

// Containers is what a project needs of pkg/container.
type Containers interface {
	List(context.Context, container.ListOptions) ([]apicontainer.Summary, error)
	Inspect(context.Context, string, container.InspectOptions) (apicontainer.InspectResponse, error)
	Create(context.Context, container.CreateOptions) (container.CreateResult, error)
	Run(context.Context, container.CreateOptions, container.StartOptions) (string, container.Outcome, error)
	Start(context.Context, string, container.StartOptions) (container.Outcome, error)
	Stop(context.Context, string, container.StopOptions) error
	Restart(context.Context, string, container.StopOptions) error
	Kill(ctx context.Context, ref, signal string) error
	Pause(context.Context, string) error
	Unpause(context.Context, string) error
	Rename(ctx context.Context, ref, name string) error
	Remove(context.Context, string, container.RemoveOptions) error
	Wait(context.Context, string, container.WaitCondition) (int64, error)
	WaitFor(context.Context, string, container.WaitCondition) error
	Exec(context.Context, string, container.ExecOptions) (container.Outcome, error)
}

// Images is what a project needs of pkg/image.
type Images interface {
	Resolve(ctx context.Context, ref string) (*image.Image, error)
	Remove(context.Context, string, image.RemoveOptions) ([]apiimage.DeleteResponse, error)
}

// Networks is what a project needs of pkg/netutil.
type Networks interface {
	List(context.Context, map[string][]string) ([]network.Summary, error)
	Create(context.Context, netutil.CreateOptions) (*netutil.Network, error)
	Remove(context.Context, string) (*netutil.Network, error)
}

// Volumes is what a project needs of pkg/volume.
type Volumes interface {
	List(context.Context, volume.ListOptions) ([]apivolume.Volume, error)
	Create(context.Context, volume.CreateOptions) (apivolume.Volume, error)
	Remove(ctx context.Context, name string, force bool) error
}
