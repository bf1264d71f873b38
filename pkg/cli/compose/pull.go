package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/image"
)

// pull gets the images of a plan.
func (s *session) pull(ctx context.Context, p *types.Project, o *compose.Observed, plan *compose.Plan, quiet bool) error {
	e := s.executor(p.Name, p, o)
	e.Pull = func(ctx context.Context, svc *types.ServiceConfig, ref string) error {
		var want []ocispec.Platform
		if svc.Platform != "" {
			parsed, err := platforms.Parse(svc.Platform)
			if err != nil {
				return err
			}
			want = append(want, parsed)
		}
		_, err := s.client.Images.Pull(ctx, ref, image.PullOptions{Platforms: want})
		return err
	}
	if quiet {
		return e.Apply(ctx, plan)
	}
	return s.carryOut(ctx, e, plan)
}
