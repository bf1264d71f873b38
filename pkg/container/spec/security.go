package spec

import (
	"slices"
	"strings"

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
// dropped ones, dropping ALL keeps only the added ones, and what is both added
// and dropped is there.
func CapabilitySet(in Input) ([]string, error) {
	add, err := normalCapabilities("CapAdd", in.HostConfig.CapAdd, in.Host.Capabilities)
	if err != nil {
		return nil, err
	}
	drop, err := normalCapabilities("CapDrop", in.HostConfig.CapDrop, in.Host.Capabilities)
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

// normalCapabilities checks names and writes them as the kernel's header does.
// field is the option that they come from; have is what the host can give.
func normalCapabilities(field string, names, have []string) ([]string, error) {
	out := make([]string, 0, len(names))
	for _, n := range names {
		c := strings.ToUpper(strings.TrimSpace(n))
		if c != allCapabilities && !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		switch {
		case c == allCapabilities:
		case !slices.Contains(knownCapabilities, c):
			return nil, invalid("invalid %s: unknown capability: %q", field, c)
		case !slices.Contains(have, c):
			return nil, invalid("invalid %s: capability not supported by your kernel or not available in the current environment: %q", field, c)
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
