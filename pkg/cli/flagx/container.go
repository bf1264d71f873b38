package flagx

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containerd/platforms"
	"github.com/docker/cli/opts"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/container"
)

// Options makes the container's description of the flags, the image and the
// command after it. fs is the set the flags were registered in: it tells a value
// that was given from a default.
func (c *ContainerFlags) Options(fs *pflag.FlagSet, image string, command []string) (container.CreateOptions, error) {
	out := container.CreateOptions{Name: c.Name, Config: &c.Config, HostConfig: &c.Host}
	if err := c.unsupported(fs); err != nil {
		return out, err
	}
	c.Config.Image = image
	if len(command) > 0 {
		c.Config.Cmd = command
	}
	for _, step := range []func(*pflag.FlagSet) error{
		c.process, c.health, c.metadata, c.files, c.ports, c.namespaces, c.security, c.resources, c.restartPolicy,
	} {
		if err := step(fs); err != nil {
			return out, err
		}
	}
	networks, err := c.endpoints()
	if err != nil {
		return out, err
	}
	out.Networks = networks
	if c.Platform != "" {
		p, err := platforms.Parse(c.Platform)
		if err != nil {
			return out, fmt.Errorf("invalid platform: %w", err)
		}
		out.Platform = &p
	}
	return out, nil
}

// unsupported refuses the flags that nothing would act upon: a setting is in
// force or it is an error, never forgotten. Which ones is said in package compat.
func (c *ContainerFlags) unsupported(fs *pflag.FlagSet) error {
	if err := Refused(fs, "run"); err != nil {
		return err
	}
	if c.isolation != "" && c.isolation != "default" {
		return fmt.Errorf("invalid isolation: %q: Linux only has 'default'", c.isolation)
	}
	return nil
}

func (c *ContainerFlags) process(fs *pflag.FlagSet) error {
	for _, stream := range c.attach {
		switch stream {
		case "stdin":
			c.Config.AttachStdin = true
		case "stdout":
			c.Config.AttachStdout = true
		case "stderr":
			c.Config.AttachStderr = true
		}
	}
	if len(c.attach) == 0 {
		c.Config.AttachStdout, c.Config.AttachStderr = true, true
	}
	if c.stdin {
		c.Config.OpenStdin, c.Config.AttachStdin = true, true
	}
	c.Config.StdinOnce = c.Config.OpenStdin && c.Config.AttachStdin
	if fs.Changed("entrypoint") {
		c.Config.Entrypoint = []string{c.entrypoint} // an empty one clears the image's
	}
	if fs.Changed("init") {
		c.Host.Init = &c.init
	}
	if fs.Changed("stop-timeout") {
		c.Config.StopTimeout = &c.stopTimeout
	}
	env, err := opts.ReadKVEnvStrings(c.envFiles, c.env)
	if err != nil {
		return fmt.Errorf("--env-file: %w", err)
	}
	c.Config.Env = env
	return nil
}

func (c *ContainerFlags) metadata(*pflag.FlagSet) error {
	labels, err := opts.ReadKVStrings(c.labelFiles, c.labels)
	if err != nil {
		return fmt.Errorf("--label-file: %w", err)
	}
	c.Config.Labels = opts.ConvertKVStringsToMap(labels)
	c.Host.Annotations = c.annotations.GetAll()
	c.Host.LogConfig, err = LogConfig(c.logDriver, c.logOpts)
	return err
}

func (c *ContainerFlags) files(*pflag.FlagSet) error {
	for _, v := range c.volumes {
		bind, anonymous, err := ParseVolume(v)
		switch {
		case err != nil:
			return err
		case bind != "":
			c.Host.Binds = append(c.Host.Binds, bind)
			continue
		case c.Config.Volumes == nil:
			c.Config.Volumes = map[string]struct{}{}
		}
		c.Config.Volumes[anonymous] = struct{}{}
	}
	c.Host.Mounts = c.mounts.Value()
	for _, t := range c.tmpfs {
		path, options, _ := strings.Cut(t, ":")
		if c.Host.Tmpfs == nil {
			c.Host.Tmpfs = map[string]string{}
		}
		c.Host.Tmpfs[path] = options
	}
	return c.deviceRequests()
}

func (c *ContainerFlags) namespaces(*pflag.FlagSet) error {
	c.Host.PidMode = apicontainer.PidMode(c.pid)
	c.Host.IpcMode = apicontainer.IpcMode(c.ipc)
	c.Host.UTSMode = apicontainer.UTSMode(c.uts)
	c.Host.UsernsMode = apicontainer.UsernsMode(c.userns)
	c.Host.CgroupnsMode = apicontainer.CgroupnsMode(c.cgroupns)
	switch {
	case !c.Host.PidMode.Valid():
		return errors.New("--pid: invalid PID mode")
	case !c.Host.IpcMode.Valid():
		return errors.New("--ipc: invalid IPC mode")
	case !c.Host.UTSMode.Valid():
		return errors.New("--uts: invalid UTS mode")
	case !c.Host.UsernsMode.Valid():
		return errors.New("--userns: invalid USER mode")
	case !c.Host.CgroupnsMode.Valid():
		return errors.New("--cgroupns: invalid CGROUP mode")
	}
	for _, d := range c.dns {
		addr, err := netip.ParseAddr(d)
		if err != nil {
			return fmt.Errorf("--dns: %w", err)
		}
		c.Host.DNS = append(c.Host.DNS, addr)
	}
	return nil
}

func (c *ContainerFlags) resources(fs *pflag.FlagSet) error {
	if c.swappiness < -1 || c.swappiness > 100 {
		return fmt.Errorf("invalid value: %d. Valid memory swappiness range is 0-100", c.swappiness)
	}
	if fs.Changed("memory-swappiness") {
		c.Host.MemorySwappiness = &c.swappiness
	}
	if fs.Changed("oom-kill-disable") {
		c.Host.OomKillDisable = &c.oomKillDisable
	}
	if fs.Changed("pids-limit") {
		c.Host.PidsLimit = &c.pidsLimit
	}
	c.Host.Ulimits = c.ulimits.GetList()
	c.Host.Sysctls = c.sysctls.GetAll()
	c.Host.BlkioWeightDevice = c.weights.GetList()
	c.Host.BlkioDeviceReadBps = c.readBps.GetList()
	c.Host.BlkioDeviceWriteBps = c.writeBps.GetList()
	c.Host.BlkioDeviceReadIOps = c.readIOps.GetList()
	c.Host.BlkioDeviceWriteIOps = c.writeIOps.GetList()
	if c.Host.NanoCPUs > 0 && (c.Host.CPUPeriod > 0 || c.Host.CPUQuota > 0) {
		return errors.New("conflicting options: --cpus sets the CPU period and quota, so --cpu-period and --cpu-quota cannot be given as well")
	}
	if c.Host.OomScoreAdj < -1000 || c.Host.OomScoreAdj > 1000 {
		return fmt.Errorf("invalid value %d for --oom-score-adj: the range is -1000 to 1000", c.Host.OomScoreAdj)
	}
	return nil
}

func (c *ContainerFlags) restartPolicy(*pflag.FlagSet) error {
	policy, err := ParseRestart(c.restart)
	if err != nil {
		return err
	}
	c.Host.RestartPolicy = policy
	if c.Host.AutoRemove && !policy.IsNone() {
		return errors.New("conflicting options: cannot specify both --restart and --rm")
	}
	return nil
}

// ParseRestart reads a restart policy and checks it.
func ParseRestart(text string) (apicontainer.RestartPolicy, error) {
	policy, err := opts.ParseRestartPolicy(text)
	if err != nil {
		return policy, err
	}
	return policy, apicontainer.ValidateRestartPolicy(policy)
}

func validateAttach(val string) (string, error) {
	switch s := strings.ToLower(val); s {
	case "stdin", "stdout", "stderr":
		return s, nil
	}
	return val, errors.New("valid streams are STDIN, STDOUT and STDERR")
}
