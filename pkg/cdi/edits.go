package cdi

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// edits are the changes to a container that a device needs.
type edits struct {
	Env            []string         `json:"env"`
	DeviceNodes    []node           `json:"deviceNodes"`
	Mounts         []mount          `json:"mounts"`
	Hooks          []hook           `json:"hooks"`
	AdditionalGIDs []uint32         `json:"additionalGids"`
	IntelRdt       *rdt             `json:"intelRdt"`
	NetDevices     []map[string]any `json:"netDevices"`
}

type node struct {
	Path        string       `json:"path"`
	HostPath    string       `json:"hostPath"`
	Type        string       `json:"type"`
	Major       int64        `json:"major"`
	Minor       int64        `json:"minor"`
	FileMode    *os.FileMode `json:"fileMode"`
	Permissions string       `json:"permissions"`
	UID         *uint32      `json:"uid"`
	GID         *uint32      `json:"gid"`
}

type mount struct {
	HostPath      string   `json:"hostPath"`
	ContainerPath string   `json:"containerPath"`
	Type          string   `json:"type"`
	Options       []string `json:"options"`
}

type hook struct {
	Name    string   `json:"hookName"`
	Path    string   `json:"path"`
	Args    []string `json:"args"`
	Env     []string `json:"env"`
	Timeout *int     `json:"timeout"`
}

type rdt struct {
	ClosID        string `json:"closID"`
	L3CacheSchema string `json:"l3CacheSchema"`
	MemBwSchema   string `json:"memBwSchema"`
}

// Inject writes what the named devices need into a specification. Nothing is
// changed if one of them is missing.
func (r *Registry) Inject(names []string, s *specs.Spec) error {
	all, err := r.collect(names)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := e.apply(s); err != nil {
			return failure("CDI device injection failed: " + err.Error())
		}
	}
	return nil
}

func (e edits) apply(s *specs.Spec) error {
	if len(e.NetDevices) > 0 {
		return fmt.Errorf("network devices are not supported")
	}
	for _, kv := range e.Env {
		setEnv(s, kv)
	}
	for _, n := range e.DeviceNodes {
		if err := n.apply(s); err != nil {
			return err
		}
	}
	for _, m := range e.Mounts {
		out := specs.Mount{Source: m.HostPath, Destination: m.ContainerPath, Type: cmp.Or(m.Type, "bind"), Options: m.Options}
		s.Mounts = slices.DeleteFunc(s.Mounts, func(old specs.Mount) bool { return old.Destination == out.Destination })
		s.Mounts = append(s.Mounts, out)
	}
	// What is mounted below another mount comes after it.
	if len(e.Mounts) > 0 {
		slices.SortStableFunc(s.Mounts, func(a, b specs.Mount) int {
			return strings.Count(strings.TrimRight(a.Destination, "/"), "/") - strings.Count(strings.TrimRight(b.Destination, "/"), "/")
		})
	}
	for _, gid := range e.AdditionalGIDs {
		if gid != 0 && !slices.Contains(s.Process.User.AdditionalGids, gid) {
			s.Process.User.AdditionalGids = append(s.Process.User.AdditionalGids, gid)
		}
	}
	if e.IntelRdt != nil {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: e.IntelRdt.ClosID, L3CacheSchema: e.IntelRdt.L3CacheSchema, MemBwSchema: e.IntelRdt.MemBwSchema}
	}
	for _, h := range e.Hooks {
		if err := h.apply(s); err != nil {
			return err
		}
	}
	return nil
}

func setEnv(s *specs.Spec, kv string) {
	name, _, _ := strings.Cut(kv, "=")
	at := slices.IndexFunc(s.Process.Env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
	if at >= 0 {
		s.Process.Env[at] = kv
		return
	}
	s.Process.Env = append(s.Process.Env, kv)
}

// apply adds a device node; what the description leaves open is taken from the
// node on the host.
func (n node) apply(s *specs.Spec) error {
	host := cmp.Or(n.HostPath, n.Path)
	d := specs.LinuxDevice{Path: n.Path, Type: n.Type, Major: n.Major, Minor: n.Minor, FileMode: n.FileMode, UID: n.UID, GID: n.GID}
	if d.Type == "" || d.Major == 0 && d.Type != "p" {
		var st unix.Stat_t
		if err := unix.Stat(host, &st); err != nil {
			return fmt.Errorf("device %s: %w", host, err)
		}
		kind, ok := map[uint32]string{unix.S_IFCHR: "c", unix.S_IFBLK: "b", unix.S_IFIFO: "p"}[st.Mode&unix.S_IFMT]
		if !ok || d.Type != "" && d.Type != kind {
			return fmt.Errorf("device %s: it is not a device of the type that its description says", host)
		}
		d.Type, d.Major, d.Minor = kind, int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
		if d.FileMode == nil {
			mode := os.FileMode(st.Mode & 0o777)
			d.FileMode = &mode
		}
	}
	s.Linux.Devices = slices.DeleteFunc(s.Linux.Devices, func(old specs.LinuxDevice) bool { return old.Path == d.Path })
	s.Linux.Devices = append(s.Linux.Devices, d)
	if d.Type != "b" && d.Type != "c" {
		return nil
	}
	if s.Linux.Resources == nil {
		s.Linux.Resources = &specs.LinuxResources{}
	}
	major, minor := d.Major, d.Minor
	s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
		Allow: true, Type: d.Type, Major: &major, Minor: &minor, Access: cmp.Or(n.Permissions, "rwm"),
	})
	return nil
}

func (h hook) apply(s *specs.Spec) error {
	if s.Hooks == nil {
		s.Hooks = &specs.Hooks{}
	}
	out := specs.Hook{Path: h.Path, Args: h.Args, Env: h.Env, Timeout: h.Timeout}
	list := map[string]*[]specs.Hook{
		"createRuntime": &s.Hooks.CreateRuntime, "createContainer": &s.Hooks.CreateContainer, "startContainer": &s.Hooks.StartContainer,
		"poststart": &s.Hooks.Poststart, "poststop": &s.Hooks.Poststop,
		"prestart": &s.Hooks.CreateRuntime, // the old name of the same moment
	}[h.Name]
	if list == nil {
		return fmt.Errorf("unknown hook %q", h.Name)
	}
	*list = append(*list, out)
	return nil
}
