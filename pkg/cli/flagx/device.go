package flagx

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// ParseDevice reads a value of --device: HOST[:CONTAINER[:PERMISSIONS]], or
// HOST:PERMISSIONS. The permissions are letters of "rwm".
func ParseDevice(text string) (container.DeviceMapping, error) {
	parts := strings.Split(text, ":")
	out := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
	switch len(parts) {
	case 1:
	case 2:
		if isDeviceMode(parts[1]) {
			out.CgroupPermissions = parts[1]
		} else {
			out.PathInContainer = parts[1]
		}
	case 3:
		if parts[1] != "" {
			out.PathInContainer = parts[1]
		}
		if !isDeviceMode(parts[2]) {
			return out, fmt.Errorf("bad mode specified: %s", parts[2])
		}
		out.CgroupPermissions = parts[2]
	default:
		return out, fmt.Errorf("invalid device specification: %s", text)
	}
	if !path.IsAbs(out.PathOnHost) {
		return out, fmt.Errorf("%s is not an absolute path", out.PathOnHost)
	}
	if !path.IsAbs(out.PathInContainer) {
		return out, fmt.Errorf("%s is not an absolute path", out.PathInContainer)
	}
	return out, nil
}

func validateDevice(text string) (string, error) {
	if isCDI(text) {
		return text, nil
	}
	_, err := ParseDevice(text)
	return text, err
}

// deviceRequests sorts the values of --device into device files and names of CDI
// devices, and adds those of --gpus.
func (c *ContainerFlags) deviceRequests() error {
	var names []string
	for _, d := range c.devices {
		if isCDI(d) {
			names = append(names, d)
			continue
		}
		mapping, err := ParseDevice(d)
		if err != nil {
			return err
		}
		c.Host.Devices = append(c.Host.Devices, mapping)
	}
	c.Host.DeviceRequests = c.gpus.Value()
	if len(names) > 0 {
		c.Host.DeviceRequests = append(c.Host.DeviceRequests, container.DeviceRequest{Driver: "cdi", DeviceIDs: names})
	}
	return nil
}

// isDeviceMode: letters of "rwm", each at most once.
func isDeviceMode(s string) bool {
	if s == "" {
		return false
	}
	for i, r := range s {
		if !strings.ContainsRune("rwm", r) || strings.ContainsRune(s[:i], r) {
			return false
		}
	}
	return true
}

// isCDI: the qualified name of a device, VENDOR/CLASS=NAME.
func isCDI(s string) bool {
	kind, name, ok := strings.Cut(s, "=")
	vendor, class, two := strings.Cut(kind, "/")
	return ok && two && name != "" && vendor != "" && class != "" && !strings.Contains(class, "/")
}

// validateDeviceRule checks a rule of the device cgroup, "TYPE MAJOR:MINOR MODE".
func validateDeviceRule(text string) (string, error) {
	fields := strings.Fields(text)
	if len(fields) == 3 && len(fields[0]) == 1 && strings.Contains("acb", fields[0]) && isDeviceMode(fields[2]) {
		major, minor, ok := strings.Cut(fields[1], ":")
		if ok && isDeviceNumber(major) && isDeviceNumber(minor) {
			return text, nil
		}
	}
	return text, fmt.Errorf("invalid device cgroup format '%s'", text)
}

func isDeviceNumber(s string) bool {
	if s == "*" {
		return true
	}
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}
