package spec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// SecurityOptions are the parsed --security-opt values.
type SecurityOptions struct {
	NoNewPrivileges bool
	Seccomp         string   // a profile's JSON, "unconfined", or empty for the default
	AppArmor        string   // a profile's name, "unconfined", or empty for the default
	Labels          []string // of SELinux, as given after "label="
	WritableCgroups bool
}

const unconfined = "unconfined"

// ParseSecurityOpt reads --security-opt values as Docker's API carries them,
// with a seccomp profile's text in place of its path.
func ParseSecurityOpt(opts []string) (SecurityOptions, error) {
	var out SecurityOptions
	for _, o := range opts {
		if err := out.add(o); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *SecurityOptions) add(o string) error {
	if o == "no-new-privileges" {
		s.NoNewPrivileges = true
		return nil
	}
	key, value, ok := strings.Cut(o, "=")
	if !ok {
		key, value, ok = strings.Cut(o, ":") // Docker's older form
	}
	if !ok || value == "" {
		return invalid("invalid --security-opt: %q", o)
	}
	var err error
	switch key {
	case "no-new-privileges":
		s.NoNewPrivileges, err = strconv.ParseBool(value)
	case "writable-cgroups":
		s.WritableCgroups, err = strconv.ParseBool(value)
	case "seccomp":
		s.Seccomp = value
		if value == "builtin" {
			s.Seccomp = ""
		}
	case "apparmor":
		s.AppArmor = value
	case "label":
		s.Labels = append(s.Labels, value)
	case "systempaths":
		if value != unconfined {
			err = strconv.ErrSyntax
		}
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		return invalid("invalid --security-opt: %q", o)
	}
	return nil
}

func security(s *specs.Spec, in Input, warnings *[]string) error {
	opts, err := ParseSecurityOpt(in.HostConfig.SecurityOpt)
	if err != nil {
		return err
	}
	s.Process.NoNewPrivileges = opts.NoNewPrivileges
	if err := labels(in.Host, opts.Labels, warnings); err != nil {
		return err
	}
	switch {
	case opts.AppArmor != "" && opts.AppArmor != unconfined && !in.Host.AppArmor:
		*warnings = append(*warnings, fmt.Sprintf("The AppArmor profile %s has no effect: the kernel has no AppArmor.", opts.AppArmor))
	case in.AppArmor != unconfined:
		s.Process.ApparmorProfile = in.AppArmor
	}
	if !in.Host.Seccomp || opts.Seccomp == unconfined || (in.HostConfig.Privileged && opts.Seccomp == "") {
		return nil
	}
	s.Linux.Seccomp, err = in.Host.SeccompProfile(opts.Seccomp, s)
	if err != nil {
		return fmt.Errorf("seccomp profile: %w", err)
	}
	return nil
}

// labels says what becomes of SELinux labels, which nerd does not set. Where
// SELinux is in force, to leave one out would be less protection than was asked
// for, so that is an error.
func labels(host Host, labels []string, warnings *[]string) error {
	for _, l := range labels {
		switch {
		case l == "disable":
		case host.SELinux:
			return invalid("security option \"label=%s\": nerd sets no SELinux labels: use label=disable", l)
		default:
			*warnings = append(*warnings, fmt.Sprintf("The security option label=%s has no effect: the host has no SELinux.", l))
		}
	}
	return nil
}

// invalid is an error of what the user asked for, in Docker's words: its kind
// does not show in the text.
func invalid(format string, args ...any) error {
	return &invalidError{fmt.Sprintf(format, args...)}
}

type invalidError struct{ text string }

func (e *invalidError) Error() string { return e.text }
func (e *invalidError) Unwrap() error { return errdefs.ErrInvalidArgument }
