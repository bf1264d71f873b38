package container

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/container/spec"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Init is the first process of containers that are made with HostConfig.Init.
type Init struct {
	Binary  string // path of nerd-init or of another program that takes "-- COMMAND ARG..."
	Default bool   // containers that do not say have one, too
}

// initPath is where a container finds its init, as in Docker.
const initPath = "/sbin/docker-init"

// addInit puts the init before the container's command. A container that shares
// a pid namespace has a first process already and gets none, as in Docker.
func (s *Service) addInit(p *plan, in *spec.Input) error {
	wanted := s.cfg.Init.Default
	if p.HostConfig.Init != nil {
		wanted = *p.HostConfig.Init
	}
	if mode := p.HostConfig.PidMode; !wanted || mode.IsHost() || mode.IsContainer() {
		return nil
	}
	path := s.cfg.Init.Binary
	if fi, err := os.Stat(path); err != nil || !fi.Mode().IsRegular() || !filepath.IsAbs(path) {
		return errs.WithHint(fmt.Errorf("--init: there is no program %s", path), "install nerd-init beside nerd, or name one as init_binary in nerd.toml")
	}
	in.Args = append([]string{initPath, "--"}, in.Args...)
	in.Mounts = append(in.Mounts, specs.Mount{Destination: initPath, Type: "bind", Source: path, Options: []string{"bind", "ro"}})
	return nil
}
