package flagx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

func (c *ContainerFlags) security(*pflag.FlagSet) error {
	for _, text := range c.securityOpts {
		if text == "systempaths=unconfined" {
			c.Host.MaskedPaths, c.Host.ReadonlyPaths = []string{}, []string{}
			continue
		}
		option, err := securityOption(text)
		if err != nil {
			return err
		}
		c.Host.SecurityOpt = append(c.Host.SecurityOpt, option)
	}
	return nil
}

// securityOption checks one value of --security-opt. A seccomp profile is read
// here, where the file is: the option then holds its text.
func securityOption(text string) (string, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		key, value, ok = strings.Cut(text, ":") // the old notation
	}
	switch key {
	case "no-new-privileges":
		if _, err := strconv.ParseBool(value); ok && err != nil {
			return "", fmt.Errorf("invalid --security-opt: %q", text)
		}
		return text, nil
	case "seccomp":
		if value == "" {
			return "", fmt.Errorf("invalid --security-opt: %q", text)
		}
		return seccompOption(value)
	case "apparmor", "label", "writable-cgroups":
		if value == "" {
			return "", fmt.Errorf("invalid --security-opt: %q", text)
		}
		return key + "=" + value, nil
	}
	return "", fmt.Errorf("invalid --security-opt: %q", text)
}

func seccompOption(value string) (string, error) {
	switch value {
	case "unconfined", "builtin":
		return "seccomp=" + value, nil
	}
	data, err := os.ReadFile(value)
	if err != nil {
		return "", fmt.Errorf("opening seccomp profile (%s) failed: %w", value, err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		return "", fmt.Errorf("compacting json for seccomp profile (%s) failed: %w", value, err)
	}
	return "seccomp=" + out.String(), nil
}

// LogConfig reads the log driver and its options. Which there are, package
// container knows; an option without a value is an empty one, as in Docker.
func LogConfig(driver string, options []string) (container.LogConfig, error) {
	out := container.LogConfig{Type: driver}
	if driver == "none" && len(options) > 0 {
		return out, fmt.Errorf("invalid logging opts for driver %s", driver)
	}
	for _, o := range options {
		if out.Config == nil {
			out.Config = map[string]string{}
		}
		key, value, _ := strings.Cut(o, "=")
		out.Config[key] = value
	}
	return out, nil
}
