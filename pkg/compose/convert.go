package compose

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
)

// AttributeError says which attribute of which service cannot be honoured.
type AttributeError struct {
	Service   string
	Attribute string // a path below the service, "deploy.resources"
	Err       error
}

func (e *AttributeError) Error() string {
	return fmt.Sprintf("service %q: %s: %v", e.Service, e.Attribute, e.Err)
}
func (e *AttributeError) Unwrap() error { return e.Err }

// converter makes containers' descriptions of services. It looks at nothing but
// the project and the files that security options name.
type converter struct {
	project *types.Project
	// filesDir is where the content of secrets and configs is kept.
	filesDir string
	// peer gives the container of a service that another one shares namespaces,
	// volumes or links with. Nil: names that would be, for a check.
	peer func(service string) (string, error)
}

// build is one container on its way.
type build struct {
	*converter
	s    *types.ServiceConfig
	out  container.CreateOptions
	cfg  *apicontainer.Config
	host *apicontainer.HostConfig
	// files are to be written before the container is made.
	files []contentFile
}

// convert describes the container of a service with the given number.
func (c *converter) convert(s *types.ServiceConfig, number int) (*build, error) {
	b := &build{converter: c, s: s, cfg: &apicontainer.Config{}, host: &apicontainer.HostConfig{}}
	b.out = container.CreateOptions{Name: ContainerName(c.project, s, number), Config: b.cfg, HostConfig: b.host}
	for _, step := range []struct {
		attribute string
		run       func() error
	}{
		{"", b.process},
		{"platform", b.platform},
		{"healthcheck", b.health},
		{"restart", b.restart},
		{"", b.namespaces},
		{"security_opt", b.security},
		{"", b.resources},
		{"devices", b.devices},
		{"ports", b.ports},
		{"volumes", b.volumes},
		{"networks", b.networks},
		{"secrets", b.secrets},
		{"configs", b.configs},
	} {
		if err := step.run(); err != nil {
			return nil, b.wrong(step.attribute, err)
		}
	}
	return b, nil
}

// wrong names service and attribute, unless the error does.
func (b *build) wrong(attribute string, err error) error {
	var known *AttributeError
	if errors.As(err, &known) {
		return err
	}
	return &AttributeError{b.s.Name, attribute, err}
}

func (b *build) bad(attribute, format string, args ...any) error {
	return &AttributeError{b.s.Name, attribute, fmt.Errorf(format, args...)}
}

func (b *build) process() error {
	s := b.s
	b.cfg.Image = ImageName(b.project, s)
	b.cfg.Cmd, b.cfg.Entrypoint = []string(s.Command), []string(s.Entrypoint)
	if s.Entrypoint != nil && len(s.Entrypoint) == 0 {
		b.cfg.Entrypoint = []string{""} // clears the image's
	}
	for k, v := range s.Environment {
		if v != nil {
			b.cfg.Env = append(b.cfg.Env, k+"="+*v)
		}
	}
	slices.Sort(b.cfg.Env)
	b.cfg.User, b.cfg.WorkingDir, b.cfg.Hostname, b.cfg.Domainname = s.User, s.WorkingDir, s.Hostname, s.DomainName
	b.cfg.Tty, b.cfg.OpenStdin = s.Tty, s.StdinOpen
	b.cfg.StopSignal = s.StopSignal
	if s.StopGracePeriod != nil {
		seconds := int(math.Ceil(time.Duration(*s.StopGracePeriod).Seconds()))
		b.cfg.StopTimeout = &seconds
	}
	b.cfg.Labels = map[string]string{}
	for k, v := range s.Labels {
		b.cfg.Labels[k] = v
	}
	b.host.Annotations, b.host.GroupAdd, b.host.Init = s.Annotations, s.GroupAdd, s.Init
	b.host.Runtime, b.host.StorageOpt, b.host.Sysctls = s.Runtime, s.StorageOpt, s.Sysctls
	if l := s.Logging; l != nil {
		b.host.LogConfig = apicontainer.LogConfig{Type: l.Driver, Config: l.Options}
	}
	return nil
}

func (b *build) platform() error {
	if b.s.Platform == "" {
		return nil
	}
	p, err := platforms.Parse(b.s.Platform)
	b.out.Platform = &p
	return err
}

func (b *build) health() error {
	h := b.s.HealthCheck
	if h == nil {
		return nil
	}
	out := &apicontainer.HealthConfig{Test: h.Test}
	if h.Disable {
		out.Test = []string{"NONE"}
	}
	for _, d := range []struct {
		from *types.Duration
		to   *time.Duration
	}{{h.Interval, &out.Interval}, {h.Timeout, &out.Timeout}, {h.StartPeriod, &out.StartPeriod}, {h.StartInterval, &out.StartInterval}} {
		if d.from != nil {
			*d.to = time.Duration(*d.from)
		}
	}
	if h.Retries != nil {
		out.Retries = int(*h.Retries)
	}
	b.cfg.Healthcheck = out
	return nil
}

func (b *build) restart() error {
	policy := apicontainer.RestartPolicy{Name: apicontainer.RestartPolicyDisabled}
	if text := b.s.Restart; text != "" {
		name, count, counted := strings.Cut(text, ":")
		policy.Name = apicontainer.RestartPolicyMode(name)
		if counted {
			if _, err := fmt.Sscanf(count, "%d", &policy.MaximumRetryCount); err != nil {
				return fmt.Errorf("invalid number of retries in %q", text)
			}
		}
	} else if d := b.s.Deploy; d != nil && d.RestartPolicy != nil {
		switch d.RestartPolicy.Condition {
		case "none", "no":
		case "any", "always", "":
			policy.Name = apicontainer.RestartPolicyAlways
		default:
			policy.Name = apicontainer.RestartPolicyMode(d.RestartPolicy.Condition)
		}
		if n := d.RestartPolicy.MaxAttempts; n != nil && policy.Name == apicontainer.RestartPolicyOnFailure {
			policy.MaximumRetryCount = int(*n)
		}
	}
	b.host.RestartPolicy = policy
	return apicontainer.ValidateRestartPolicy(policy)
}
