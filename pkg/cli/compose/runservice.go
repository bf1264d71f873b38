package compose

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/opts"
)

// service is the service with what the flags change.
func (o *RunOptions) service(p *types.Project, terminal bool) (*types.ServiceConfig, error) {
	s, err := p.GetService(o.Service)
	if err != nil {
		return nil, err
	}
	if len(o.Command) > 0 {
		s.Command = o.Command
	}
	if o.entrypointSet {
		s.Entrypoint = strings.Fields(o.Entrypoint)
		if len(o.Command) == 0 {
			s.Command = types.ShellCommand{}
		}
	}
	vars, err := opts.ReadKVEnvStrings(o.EnvFiles, o.Env)
	if err != nil {
		return nil, err
	}
	s.Environment = s.Environment.OverrideBy(types.NewMappingWithEquals(vars).Resolve(os.LookupEnv))
	if o.User != "" {
		s.User = o.User
	}
	if o.WorkDir != "" {
		s.WorkingDir = o.WorkDir
	}
	s.CapAdd, s.CapDrop = append(s.CapAdd, o.CapAdd...), append(s.CapDrop, o.CapDrop...)
	labels := types.Labels{}
	for k, v := range s.Labels {
		labels[k] = v
	}
	for k, v := range opts.ConvertKVStringsToMap(o.Labels) {
		labels[k] = v
	}
	s.Labels, s.ContainerName, s.Scale = labels, "", nil
	s.Tty, s.StdinOpen = terminal && !o.Detach, o.Interactive && !o.Detach
	if !o.Detach {
		s.Restart, s.Deploy = "no", withoutRestart(s.Deploy)
	}
	o.aliases(&s)
	return &s, errors.Join(o.ports(&s), o.volumes(&s))
}

func withoutRestart(d *types.DeployConfig) *types.DeployConfig {
	if d == nil {
		return nil
	}
	out := *d
	out.RestartPolicy = nil
	return &out
}

func (o *RunOptions) ports(s *types.ServiceConfig) error {
	if !o.ServicePorts {
		s.Ports = nil
	}
	for _, text := range o.Publish {
		ports, err := types.ParsePortConfig(text)
		if err != nil {
			return fmt.Errorf("invalid value %q for --publish: %w", text, err)
		}
		s.Ports = append(s.Ports, ports...)
	}
	return nil
}

func (o *RunOptions) volumes(s *types.ServiceConfig) error {
	for _, text := range o.Volumes {
		v, err := format.ParseVolume(text)
		if err != nil {
			return fmt.Errorf("invalid value %q for --volume: %w", text, err)
		}
		var kept []types.ServiceVolumeConfig
		for _, old := range s.Volumes {
			if old.Target != v.Target {
				kept = append(kept, old)
			}
		}
		s.Volumes = append(kept, v)
	}
	return nil
}

// aliases keeps the container from answering for the service, unless it should.
func (o *RunOptions) aliases(s *types.ServiceConfig) {
	if o.UseAliases {
		return
	}
	no := false
	networks := map[string]*types.ServiceNetworkConfig{}
	for key, n := range s.Networks {
		own := types.ServiceNetworkConfig{}
		if n != nil {
			own = *n
		}
		own.Aliases, own.UseServiceNameAlias = nil, &no
		own.Ipv4Address, own.Ipv6Address = "", "" // they are those of the service's containers
		networks[key] = &own
	}
	s.Networks = networks
}
