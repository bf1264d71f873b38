package buildrun

import (
	"context"
	"io"
	"os"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/nerd-cli/nerd/pkg/build"
	"github.com/nerd-cli/nerd/pkg/cli/engine"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// hostVar is the address of a builder that is not nerd's own, as buildctl has it.
const hostVar = "BUILDKIT_HOST"

// open connects to the builder at host, or at the address in the environment, or
// else to that of the namespace, which it makes run.
func open(ctx context.Context, f *factory.Factory, host string) (*build.Builder, *nerd.Client, error) {
	if host == "" {
		host = os.Getenv(hostVar)
	}
	if host != "" {
		if err := build.CheckAddress(host); err != nil {
			return nil, nil, err
		}
	}
	client, err := f.Client(ctx)
	if err != nil {
		return nil, nil, err
	}
	resolver, err := f.Registry()
	if err != nil {
		return nil, nil, err
	}
	cfg := build.Config{Address: host, Images: client.Images, Registry: resolver}
	if host == "" {
		socket, err := client.UpBuilder(ctx, engine.PassedOn())
		if err != nil {
			return nil, nil, err
		}
		cfg.Address = "unix://" + socket
		b, err := build.Open(ctx, cfg)
		return b, client, err
	}
	cfg.Foreign = store{client.Images}
	b, err := build.Open(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	uuid, err := client.ContainerdID(ctx)
	if err != nil {
		return nil, nil, err
	}
	// A builder on this containerd is one that stores by itself, whoever started it.
	if err := b.Detect(ctx, uuid, client.Layout.Namespace); err != nil {
		_ = b.Close() // the error before counts
		return nil, nil, err
	}
	return b, client, nil
}

// openCache is open for commands that have to do with the builder alone.
func openCache(ctx context.Context, f *factory.Factory, host string) (*build.Builder, error) {
	if host == "" {
		host = os.Getenv(hostVar)
	}
	if host != "" {
		return build.Open(ctx, build.Config{Address: host})
	}
	b, _, err := open(ctx, f, "")
	return b, err
}

// store is nerd's images to a builder that does not share them.
type store struct{ images *image.Service }

// Local lists the images that may be a base.
func (s store) Local(ctx context.Context) ([]build.LocalImage, content.Store, error) {
	all, contents, err := s.images.Sources(ctx)
	var out []build.LocalImage
	for _, i := range all {
		out = append(out, build.LocalImage(i))
	}
	return out, contents, err
}

// Receive stores the image of an archive.
func (s store) Receive(ctx context.Context, archive io.Reader) error {
	_, err := s.images.Load(ctx, archive, image.LoadOptions{})
	return err
}
