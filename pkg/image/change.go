package image

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// change applies the arguments of one Dockerfile instruction to a configuration.
type change func(c *dockerspec.DockerOCIImageConfig, args string) error

// changes are the instructions that `docker import --change` and `docker commit
// --change` take.
func changes() map[string]change {
	return map[string]change{
		"CMD": func(c *dockerspec.DockerOCIImageConfig, args string) error { c.Cmd = command(c, args); return nil },
		"ENTRYPOINT": func(c *dockerspec.DockerOCIImageConfig, args string) error {
			c.Entrypoint = command(c, args)
			return nil
		},
		"ENV":         changeEnv,
		"EXPOSE":      changeExpose,
		"HEALTHCHECK": changeHealth,
		"LABEL":       changeLabel,
		"ONBUILD":     changeOnBuild,
		"STOPSIGNAL":  func(c *dockerspec.DockerOCIImageConfig, args string) error { c.StopSignal = args; return nil },
		"USER":        func(c *dockerspec.DockerOCIImageConfig, args string) error { c.User = args; return nil },
		"VOLUME":      changeVolume,
		"WORKDIR":     changeWorkdir,
	}
}

// applyChanges applies instructions in order. A malformed or unknown one is
// InvalidArgument and names itself.
func applyChanges(c *dockerspec.DockerOCIImageConfig, instructions []string) error {
	known := changes()
	commandSet := false
	for _, text := range instructions {
		verb, args, _ := strings.Cut(strings.TrimSpace(text), " ")
		apply, ok := known[strings.ToUpper(verb)]
		if !ok {
			return errorf(errdefs.ErrInvalidArgument, "%s is not a valid change command", verb)
		}
		args = strings.TrimSpace(args)
		isCommand := strings.EqualFold(verb, "CMD")
		if args == "" && !isCommand && !strings.EqualFold(verb, "ENTRYPOINT") {
			return errorf(errdefs.ErrInvalidArgument, "%s requires at least one argument", strings.ToUpper(verb))
		}
		if err := apply(c, args); err != nil {
			return errorf(errdefs.ErrInvalidArgument, "change %q: %v", text, err)
		}
		// A command was meant as the arguments of the entry point that was there
		// with it.
		if strings.EqualFold(verb, "ENTRYPOINT") && !commandSet {
			c.Cmd = nil
		}
		commandSet = commandSet || isCommand
	}
	return nil
}

// command reads the JSON form, and anything else as a line for the image's shell.
// Nothing is no command.
func command(c *dockerspec.DockerOCIImageConfig, args string) []string {
	var list []string
	if args == "" {
		return nil
	}
	if strings.HasPrefix(args, "[") && json.Unmarshal([]byte(args), &list) == nil {
		return list
	}
	if len(c.Shell) > 0 {
		return append(slices.Clone(c.Shell), args)
	}
	return []string{"/bin/sh", "-c", args}
}

func changeEnv(c *dockerspec.DockerOCIImageConfig, args string) error {
	pairs, err := pairs(args)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		c.Env = slices.DeleteFunc(c.Env, func(e string) bool { return strings.HasPrefix(e, p[0]+"=") })
		c.Env = append(c.Env, p[0]+"="+p[1])
	}
	return nil
}

func changeLabel(c *dockerspec.DockerOCIImageConfig, args string) error {
	pairs, err := pairs(args)
	if err != nil {
		return err
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	for _, p := range pairs {
		c.Labels[p[0]] = p[1]
	}
	return nil
}

func changeExpose(c *dockerspec.DockerOCIImageConfig, args string) error {
	if c.ExposedPorts == nil {
		c.ExposedPorts = map[string]struct{}{}
	}
	for _, port := range strings.Fields(args) {
		number, protocol, found := strings.Cut(port, "/")
		if !found {
			protocol = "tcp"
		}
		protocol = strings.ToLower(protocol)
		if !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
			return fmt.Errorf("unknown protocol %q", protocol)
		}
		first, last, ranged := strings.Cut(number, "-")
		if !ranged {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return fmt.Errorf("invalid port %q", port)
		}
		to, err := strconv.ParseUint(last, 10, 16)
		if err != nil || to < from {
			return fmt.Errorf("invalid port %q", port)
		}
		for n := from; n <= to; n++ {
			c.ExposedPorts[fmt.Sprintf("%d/%s", n, protocol)] = struct{}{}
		}
	}
	return nil
}

func changeVolume(c *dockerspec.DockerOCIImageConfig, args string) error {
	paths := strings.Fields(args)
	if strings.HasPrefix(args, "[") {
		if err := json.Unmarshal([]byte(args), &paths); err != nil {
			return err
		}
	}
	if c.Volumes == nil {
		c.Volumes = map[string]struct{}{}
	}
	for _, p := range paths {
		if p == "" {
			return fmt.Errorf("a volume path cannot be empty")
		}
		c.Volumes[p] = struct{}{}
	}
	return nil
}

// changeWorkdir joins a relative folder to the one set before.
func changeWorkdir(c *dockerspec.DockerOCIImageConfig, args string) error {
	if dir := unquote(args); strings.HasPrefix(dir, "/") {
		c.WorkingDir = dir
	} else {
		c.WorkingDir = "/" + strings.Trim(strings.TrimSuffix(c.WorkingDir, "/")+"/"+dir, "/")
	}
	return nil
}

func changeOnBuild(c *dockerspec.DockerOCIImageConfig, args string) error {
	verb, _, _ := strings.Cut(args, " ")
	switch strings.ToUpper(verb) {
	case "ONBUILD", "FROM", "MAINTAINER":
		return fmt.Errorf("%s is not allowed as an ONBUILD trigger", strings.ToUpper(verb))
	}
	c.OnBuild = append(c.OnBuild, args)
	return nil
}

// changeHealth reads HEALTHCHECK NONE and HEALTHCHECK [--flag=value...] CMD ...
func changeHealth(c *dockerspec.DockerOCIImageConfig, args string) error {
	if strings.EqualFold(args, "NONE") {
		c.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"NONE"}}
		return nil
	}
	h := &dockerspec.HealthcheckConfig{}
	for strings.HasPrefix(args, "--") {
		flag, rest, _ := strings.Cut(args, " ")
		if err := healthFlag(h, flag); err != nil {
			return err
		}
		args = strings.TrimSpace(rest)
	}
	verb, rest, _ := strings.Cut(args, " ")
	rest = strings.TrimSpace(rest)
	if !strings.EqualFold(verb, "CMD") || rest == "" {
		return fmt.Errorf("NONE or CMD with a command is expected")
	}
	var list []string
	if strings.HasPrefix(rest, "[") && json.Unmarshal([]byte(rest), &list) == nil {
		h.Test = append([]string{"CMD"}, list...)
	} else {
		h.Test = []string{"CMD-SHELL", rest}
	}
	c.Healthcheck = h
	return nil
}

func healthFlag(h *dockerspec.HealthcheckConfig, flag string) error {
	name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
	if name == "retries" {
		n, err := strconv.ParseUint(value, 10, 31)
		h.Retries = int(n)
		return err
	}
	fields := map[string]*time.Duration{
		"interval": &h.Interval, "timeout": &h.Timeout, "start-period": &h.StartPeriod, "start-interval": &h.StartInterval,
	}
	field, ok := fields[name]
	if !ok {
		return fmt.Errorf("unknown flag %s", flag)
	}
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s cannot be negative", name)
	}
	*field = d
	return err
}
