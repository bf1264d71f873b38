package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultCapabilities is what dockerd leaves a container's root.
var defaultCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

const allCapabilities = "ALL"

func capabilities(s *specs.Spec, in Input, _ *[]string) error {
	set, err := CapabilitySet(in)
	if err != nil {
		return err
	}
	caps := &specs.LinuxCapabilities{Bounding: set}
	// A user other than root starts without any; the bounding set is what a
	// set-user-id program may gain.
	if in.User.UID == 0 {
		caps.Permitted, caps.Effective = set, set
	}
	s.Process.Capabilities = caps
	return nil
}

// CapabilitySet applies --privileged, --cap-add and --cap-drop to Docker's
// defaults, in Docker's order of precedence: adding ALL keeps all but the
// dropped ones, dropping ALL keeps only the added ones.
func CapabilitySet(in Input) ([]string, error) {
	add, err := normalCapabilities(in.HostConfig.CapAdd)
	if err != nil {
		return nil, err
	}
	drop, err := normalCapabilities(in.HostConfig.CapDrop)
	if err != nil {
		return nil, err
	}
	switch {
	case in.HostConfig.Privileged:
		return in.Host.Capabilities, nil
	case slices.Contains(add, allCapabilities):
		return without(in.Host.Capabilities, drop), nil
	case slices.Contains(drop, allCapabilities):
		return add, nil
	}
	set := without(defaultCapabilities, drop)
	for _, c := range add {
		if !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func without(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(drop, c) })
}

func normalCapabilities(names []string) ([]string, error) {
	out := make([]string, 0, len(names))
	for _, n := range names {
		c := strings.ToUpper(strings.TrimSpace(n))
		if c != allCapabilities && !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		if c != allCapabilities && !slices.Contains(knownCapabilities, c) {
			return nil, fmt.Errorf("invalid capability: %q: %w", n, errdefs.ErrInvalidArgument)
		}
		out = append(out, c)
	}
	return out, nil
}

// knownCapabilities are the kernel's, as in linux/capability.h.
var knownCapabilities = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID
	CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK
	CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE
	CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP
	CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF
	CAP_CHECKPOINT_RESTORE`)

// KnownCapability is the name of the kernel's capability number n.
func KnownCapability(n int) (string, bool) {
	if n < 0 || n >= len(knownCapabilities) {
		return "", false
	}
	return knownCapabilities[n], true
}

// SecurityOptions are the parsed --security-opt values.
type SecurityOptions struct {
	NoNewPrivileges bool
	Seccomp         string // a profile's JSON, "unconfined", or empty for the default
	AppArmor        string // a profile's name, "unconfined", or empty for the default
}

const unconfined = "unconfined"

// ParseSecurityOpt reads --security-opt values as Docker's API carries them,
// with a seccomp profile's text in place of its path.
func ParseSecurityOpt(opts []string) (SecurityOptions, error) {
	var out SecurityOptions
	for _, o := range opts {
		key, value, ok := strings.Cut(o, "=")
		if !ok {
			key, value, ok = strings.Cut(o, ":") // Docker's older form
		}
		switch {
		case o == "no-new-privileges":
			out.NoNewPrivileges = true
		case key == "no-new-privileges" && (value == "true" || value == "false"):
			out.NoNewPrivileges = value == "true"
		case key == "seccomp" && ok:
			out.Seccomp = value
			if value == "builtin" {
				out.Seccomp = ""
			}
		case key == "apparmor" && ok:
			out.AppArmor = value
		case key == "systempaths" && value == unconfined:
		case key == "label":
			return out, fmt.Errorf("security option %q: SELinux is not supported: %w", o, errdefs.ErrInvalidArgument)
		default:
			return out, fmt.Errorf("invalid security option %q: %w", o, errdefs.ErrInvalidArgument)
		}
	}
	return out, nil
}

func security(s *specs.Spec, in Input, _ *[]string) error {
	opts, err := ParseSecurityOpt(in.HostConfig.SecurityOpt)
	if err != nil {
		return err
	}
	s.Process.NoNewPrivileges = opts.NoNewPrivileges
	if in.AppArmor != unconfined {
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
