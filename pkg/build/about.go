package build

import (
	"context"

	"github.com/containerd/platforms"
)

// About is what a builder says of itself.
type About struct {
	Version   string
	Platforms []string
	Labels    map[string]string // of its worker
}

// About asks the builder.
func (b *Builder) About(ctx context.Context) (*About, error) {
	info, err := b.conn.Info(ctx)
	if err != nil {
		return nil, err
	}
	workers, err := b.conn.ListWorkers(ctx)
	if err != nil {
		return nil, err
	}
	out := &About{Version: info.BuildkitVersion.Version}
	if len(workers) > 0 {
		out.Labels = workers[0].Labels
		for _, p := range workers[0].Platforms {
			out.Platforms = append(out.Platforms, platforms.FormatAll(p))
		}
	}
	return out, nil
}
