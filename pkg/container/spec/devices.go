package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// devices allows what dockerd allows: making any node, using the standard ones
// and those that were asked for; everything when privileged.
func devices(s *specs.Spec, in Input, _ *[]string) error {
	if in.HostConfig.Privileged {
		list, err := in.Host.Devices("/dev")
		if err != nil {
			return fmt.Errorf("devices of the host: %w", err)
		}
		s.Linux.Devices = list
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		return nil
	}
	rules := defaultDeviceRules()
	for _, d := range in.HostConfig.Devices {
		list, err := mapDevice(d, in.Host)
		if err != nil {
			return err
		}
		for _, dev := range list {
			major, minor := dev.Major, dev.Minor
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: dev.Type, Major: &major, Minor: &minor, Access: access(d)})
		}
		s.Linux.Devices = append(s.Linux.Devices, list...)
	}
	for _, text := range in.HostConfig.DeviceCgroupRules {
		rule, err := parseDeviceRule(text)
		if err != nil {
			return err
		}
		rules = append(rules, rule)
	}
	s.Linux.Resources.Devices = rules
	return nil
}

func access(d container.DeviceMapping) string {
	if d.CgroupPermissions == "" {
		return "rwm"
	}
	return d.CgroupPermissions
}

// mapDevice lists the nodes of one --device. A folder stands for all in it.
func mapDevice(d container.DeviceMapping, host Host) ([]specs.LinuxDevice, error) {
	list, err := host.Devices(d.PathOnHost)
	if err == nil && len(list) == 0 {
		err = errors.New("no device in this folder")
	}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // Docker names the path once
		}
		return nil, fmt.Errorf("error gathering device information while adding custom device %q: %v: %w", d.PathOnHost, err, errdefs.ErrInvalidArgument) //nolint:errorlint // the kind is the caller's mistake
	}
	target := d.PathInContainer
	if target == "" {
		target = d.PathOnHost
	}
	for i := range list {
		list[i].Path = target + strings.TrimPrefix(list[i].Path, d.PathOnHost)
	}
	return list, nil
}

func defaultDeviceRules() []specs.LinuxDeviceCgroup {
	rules := []specs.LinuxDeviceCgroup{
		{Access: "rwm"},
		{Allow: true, Type: "c", Access: "m"},
		{Allow: true, Type: "b", Access: "m"},
	}
	for _, n := range [][2]int64{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, -1}} {
		r := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &n[0], Access: "rwm"}
		if n[1] >= 0 {
			r.Minor = &n[1]
		}
		rules = append(rules, r)
	}
	return rules
}

// parseDeviceRule reads "TYPE MAJOR:MINOR ACCESS", where numbers may be "*".
func parseDeviceRule(text string) (specs.LinuxDeviceCgroup, error) {
	bad := fmt.Errorf("invalid device cgroup format %q, want for instance 'c 188:* rmw': %w", text, errdefs.ErrInvalidArgument)
	f := strings.Fields(text)
	if len(f) != 3 || !strings.Contains("acb", f[0]) || len(f[0]) != 1 || len(f[2]) > 3 || strings.Trim(f[2], "rwm") != "" {
		return specs.LinuxDeviceCgroup{}, bad
	}
	rule := specs.LinuxDeviceCgroup{Allow: true, Type: f[0], Access: f[2]}
	major, minor, ok := strings.Cut(f[1], ":")
	if !ok {
		return rule, bad
	}
	for text, at := range map[string]**int64{major: &rule.Major, minor: &rule.Minor} {
		if text == "*" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strings.Trim(text, "0123456789") != "" {
			return rule, bad
		}
		*at = &n
	}
	return rule, nil
}
