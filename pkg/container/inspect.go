package container

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container/inspect"
	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// Inspect is all that is known of a container, in Docker's shape.
func (s *Service) Inspect(ctx context.Context, ref string, opts InspectOptions) (container.InspectResponse, error) {
	c, err := s.find(ctx, ref)
	if err != nil {
		return container.InspectResponse{}, err
	}
	if c.ended() && !c.Foreign { // nobody was there to see it end
		if _, err := s.Finish(ctx, c.ID); err == nil {
			if again, err := s.get(ctx, c.ID); err == nil {
				c = again
			}
		}
	}
	dir := s.cfg.Layout.Container(cmp.Or(c.FilesOf, c.ID))
	files := inspect.Files{
		ResolvConf: filepath.Join(dir, resolvFile), Hostname: filepath.Join(dir, hostnameFile), Hosts: filepath.Join(dir, hostsFile),
	}
	if c.HostConfig.LogConfig.Type == driver.JSONFile { // as in Docker
		files.Log = s.cfg.Layout.LogFile(c.ID)
	}
	out := inspect.Response(view(c), files)
	if wantsSandbox(c.HostConfig.NetworkMode) && c.Running() {
		out.NetworkSettings.SandboxKey, out.NetworkSettings.SandboxID = s.cfg.Layout.Netns(c.ID), c.ID
	}
	if opts.Size {
		own, all := s.size(ctx, c)
		out.SizeRw, out.SizeRootFs = &own, &all
	}
	return out, nil
}
