package compose

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/blkiodev"
	apicontainer "github.com/moby/moby/api/types/container"
)

// namespaces are those that the container shares, and what the resolver knows.
func (b *build) namespaces() error {
	for _, n := range []struct {
		attribute, from string
		set             func(string)
		valid           func() bool
	}{
		{"pid", b.s.Pid, func(v string) { b.host.PidMode = apicontainer.PidMode(v) }, func() bool { return b.host.PidMode.Valid() }},
		{"ipc", b.s.Ipc, func(v string) { b.host.IpcMode = apicontainer.IpcMode(v) }, func() bool { return b.host.IpcMode.Valid() }},
		{"uts", b.s.Uts, func(v string) { b.host.UTSMode = apicontainer.UTSMode(v) }, func() bool { return b.host.UTSMode.Valid() }},
		{"userns_mode", b.s.UserNSMode, func(v string) { b.host.UsernsMode = apicontainer.UsernsMode(v) }, func() bool { return b.host.UsernsMode.Valid() }},
		{"cgroup", b.s.Cgroup, func(v string) { b.host.CgroupnsMode = apicontainer.CgroupnsMode(v) }, func() bool { return b.host.CgroupnsMode.Valid() }},
	} {
		mode, err := b.shared(n.from)
		if err != nil {
			return b.wrong(n.attribute, err)
		}
		if n.set(mode); !n.valid() {
			return b.bad(n.attribute, "%q is none of the modes", n.from)
		}
	}
	for _, text := range b.s.DNS {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return b.wrong("dns", err)
		}
		b.host.DNS = append(b.host.DNS, addr)
	}
	b.host.DNSSearch, b.host.DNSOptions = b.s.DNSSearch, b.s.DNSOpts
	b.host.ExtraHosts = b.s.ExtraHosts.AsList(":")
	slices.Sort(b.host.ExtraHosts)
	return nil
}

// shared turns service:NAME into the container of that service.
func (b *build) shared(mode string) (string, error) {
	name, ok := strings.CutPrefix(mode, types.ServicePrefix)
	if !ok {
		return mode, nil
	}
	id, err := b.container(name)
	return types.ContainerPrefix + id, err
}

func (b *build) container(service string) (string, error) {
	if b.peer != nil {
		return b.peer(service)
	}
	s, ok := b.project.Services[service]
	if !ok {
		return "", fmt.Errorf("no such service: %s", service)
	}
	return ContainerName(b.project, &s, 1), nil
}

func (b *build) security() error {
	b.host.Privileged, b.host.ReadonlyRootfs = b.s.Privileged, b.s.ReadOnly
	b.host.CapAdd, b.host.CapDrop = b.s.CapAdd, b.s.CapDrop
	for _, text := range b.s.SecurityOpt {
		if text == "systempaths=unconfined" || text == "systempaths:unconfined" {
			b.host.MaskedPaths, b.host.ReadonlyPaths = []string{}, []string{}
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			key, value, ok = strings.Cut(text, ":")
		}
		if !ok && key != "no-new-privileges" {
			return fmt.Errorf("invalid value %q: NAME=VALUE is expected", text)
		}
		if key == "seccomp" && value != "unconfined" && value != "builtin" {
			if !filepath.IsAbs(value) {
				value = filepath.Join(b.project.WorkingDir, value)
			}
			profile, err := os.ReadFile(value)
			if err != nil {
				return fmt.Errorf("seccomp profile: %w", err)
			}
			text = "seccomp=" + string(profile)
		}
		b.host.SecurityOpt = append(b.host.SecurityOpt, text)
	}
	return nil
}

func (b *build) resources() error {
	s, r := b.s, &b.host.Resources
	r.CgroupParent, r.CpusetCpus, r.CPUShares = s.CgroupParent, s.CPUSet, s.CPUShares
	r.CPUPeriod, r.CPUQuota, r.CPURealtimePeriod, r.CPURealtimeRuntime = s.CPUPeriod, s.CPUQuota, s.CPURTPeriod, s.CPURTRuntime
	r.NanoCPUs = int64(float64(s.CPUS) * 1e9)
	r.Memory, r.MemoryReservation, r.MemorySwap = int64(s.MemLimit), int64(s.MemReservation), int64(s.MemSwapLimit)
	if s.MemSwappiness != 0 {
		v := int64(s.MemSwappiness)
		r.MemorySwappiness = &v
	}
	if s.OomKillDisable {
		r.OomKillDisable = &s.OomKillDisable
	}
	b.host.OomScoreAdj, b.host.ShmSize = int(s.OomScoreAdj), int64(s.ShmSize)
	if s.PidsLimit != 0 {
		r.PidsLimit = &s.PidsLimit
	}
	if d := s.Deploy; d != nil && d.Resources.Limits != nil {
		limit(r, d.Resources.Limits)
	}
	if d := s.Deploy; d != nil && d.Resources.Reservations != nil && d.Resources.Reservations.MemoryBytes != 0 {
		r.MemoryReservation = int64(d.Resources.Reservations.MemoryBytes)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Ulimits)) {
		u := s.Ulimits[name]
		soft, hard := int64(u.Soft), int64(u.Hard)
		if u.Single != 0 {
			soft, hard = int64(u.Single), int64(u.Single)
		}
		r.Ulimits = append(r.Ulimits, &apicontainer.Ulimit{Name: name, Soft: soft, Hard: hard})
	}
	b.blkio()
	return nil
}

func limit(r *apicontainer.Resources, l *types.Resource) {
	if l.MemoryBytes != 0 {
		r.Memory = int64(l.MemoryBytes)
	}
	if l.NanoCPUs != 0 {
		r.NanoCPUs = int64(float64(l.NanoCPUs) * 1e9)
	}
	if l.Pids != 0 {
		r.PidsLimit = &l.Pids
	}
}

func (b *build) blkio() {
	c, r := b.s.BlkioConfig, &b.host.Resources
	if c == nil {
		return
	}
	r.BlkioWeight = c.Weight
	for _, d := range c.WeightDevice {
		r.BlkioWeightDevice = append(r.BlkioWeightDevice, &blkiodev.WeightDevice{Path: d.Path, Weight: d.Weight})
	}
	for _, t := range []struct {
		from []types.ThrottleDevice
		to   *[]*blkiodev.ThrottleDevice
	}{
		{c.DeviceReadBps, &r.BlkioDeviceReadBps},
		{c.DeviceWriteBps, &r.BlkioDeviceWriteBps},
		{c.DeviceReadIOps, &r.BlkioDeviceReadIOps},
		{c.DeviceWriteIOps, &r.BlkioDeviceWriteIOps},
	} {
		for _, d := range t.from {
			*t.to = append(*t.to, &blkiodev.ThrottleDevice{Path: d.Path, Rate: uint64(d.Rate)})
		}
	}
}

func (b *build) devices() error {
	r := &b.host.Resources
	r.DeviceCgroupRules = b.s.DeviceCgroupRules
	var cdi []string
	for _, d := range b.s.Devices {
		if strings.Contains(d.Source, "=") { // VENDOR/CLASS=NAME
			cdi = append(cdi, d.Source)
			continue
		}
		m := apicontainer.DeviceMapping{PathOnHost: d.Source, PathInContainer: d.Target, CgroupPermissions: d.Permissions}
		if m.PathInContainer == "" {
			m.PathInContainer = d.Source
		}
		if m.CgroupPermissions == "" {
			m.CgroupPermissions = "rwm"
		}
		r.Devices = append(r.Devices, m)
	}
	if len(cdi) > 0 {
		r.DeviceRequests = append(r.DeviceRequests, apicontainer.DeviceRequest{Driver: "cdi", DeviceIDs: cdi})
	}
	for _, g := range b.s.Gpus {
		req, err := deviceRequest(g)
		if err != nil {
			return b.wrong("gpus", err)
		}
		req.Capabilities[0] = append(req.Capabilities[0], "gpu")
		r.DeviceRequests = append(r.DeviceRequests, req)
	}
	if d := b.s.Deploy; d != nil && d.Resources.Reservations != nil {
		for _, g := range d.Resources.Reservations.Devices {
			req, err := deviceRequest(g)
			if err != nil {
				return b.wrong("deploy.resources.reservations.devices", err)
			}
			r.DeviceRequests = append(r.DeviceRequests, req)
		}
	}
	return nil
}

func deviceRequest(d types.DeviceRequest) (apicontainer.DeviceRequest, error) {
	out := apicontainer.DeviceRequest{
		Driver: d.Driver, Count: int(d.Count), DeviceIDs: d.IDs, Options: d.Options, Capabilities: [][]string{slices.Clone(d.Capabilities)},
	}
	if d.Count != 0 && len(d.IDs) > 0 {
		return out, errors.New(`"count" and "device_ids" attributes are exclusive`)
	}
	if d.Count == 0 && len(d.IDs) == 0 {
		out.Count = -1
	}
	return out, nil
}
