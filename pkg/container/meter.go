package container

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/cgroup"
)

// Meter measures what containers use. It asks containerd which there are when it
// is made and when it is told to; each reading comes from the kernel alone.
type Meter struct {
	s      *Service
	ids    []string // those that were asked for; none: all
	all    bool     // the stopped ones, too
	memory uint64   // of the machine
	began  time.Time
	list   []*metered
}

// metered is one container on a meter.
type metered struct {
	id, ref, name string
	pid           int // zero: it does not run
	hostNetwork   bool
	group         cgroup.Group
	cpu           container.CPUStats // at the last reading
	read          time.Time
}

// Measured is one reading of one container.
type Measured struct {
	Ref     string // as the caller named it; the id if it did not
	Running bool
	container.StatsResponse
}

// NewMeter makes a meter for the containers that refs name, running or not; for
// none it measures all that run, or with all every one. Those of a meter without
// refs come and go with Refresh.
func (s *Service) NewMeter(ctx context.Context, refs []string, all bool) (*Meter, error) {
	m := &Meter{s: s, all: all, memory: cgroup.HostMemory(), began: time.Now()}
	for _, ref := range refs {
		c, err := s.find(ctx, ref)
		if err != nil {
			return nil, err
		}
		if slices.Contains(m.ids, c.ID) {
			continue
		}
		m.ids = append(m.ids, c.ID)
		e := &metered{id: c.ID, ref: ref}
		e.set(c)
		m.list = append(m.list, e)
	}
	if len(refs) > 0 {
		return m, nil
	}
	return m, m.Refresh(ctx)
}

// Refresh looks again which containers there are and which run.
func (m *Meter) Refresh(ctx context.Context) error {
	raw, err := m.s.store.List(ctx)
	if err != nil {
		return unreachable(err)
	}
	var found []*Container
	for _, r := range raw {
		c, err := decode(r)
		if err != nil {
			return err
		}
		if len(m.ids) == 0 && (m.all || c.Running()) || slices.Contains(m.ids, c.ID) {
			found = append(found, c)
		}
	}
	if len(m.ids) == 0 { // the newest first, as ps lists them
		slices.SortFunc(found, func(a, b *Container) int { return b.Created.Compare(a.Created) })
	} else {
		slices.SortFunc(found, func(a, b *Container) int { return slices.Index(m.ids, a.ID) - slices.Index(m.ids, b.ID) })
	}
	known := map[string]*metered{}
	for _, e := range m.list {
		known[e.id] = e
	}
	m.list = m.list[:0:0]
	for _, c := range found {
		e, ok := known[c.ID]
		if !ok {
			e = &metered{id: c.ID, ref: c.ID}
		}
		e.set(c)
		m.list = append(m.list, e)
	}
	return nil
}

// set takes over what is known of a container. A new process means that it was
// started again: its counters begin anew.
func (e *metered) set(c *Container) {
	e.name, e.hostNetwork = c.Name, c.HostConfig.NetworkMode.IsHost()
	pid := runningPID(c)
	if pid == e.pid {
		return
	}
	e.pid, e.cpu, e.read = 0, container.CPUStats{}, time.Time{}
	if pid == 0 {
		return
	}
	if group, err := cgroup.Of(pid, c.ID); err == nil {
		e.pid, e.group = pid, group
	}
}

// Read measures every container. One that has ended reads as zero, and is left
// out of a meter for those that run.
func (m *Meter) Read() []Measured {
	out := make([]Measured, 0, len(m.list))
	for _, e := range m.list {
		r := m.read(e)
		if r.Running || m.all || len(m.ids) > 0 {
			out = append(out, r)
		}
	}
	return out
}

func (m *Meter) read(e *metered) Measured {
	out := Measured{Ref: e.ref}
	out.ID, out.Name, out.OSType = e.id, "/"+e.name, runtime.GOOS
	if e.pid == 0 {
		return out
	}
	u, err := e.group.Read()
	if err != nil || u.Pids.Current == 0 && u.Memory.Usage == 0 { // it has ended
		e.pid = 0
		return out
	}
	now := time.Now()
	out.Running, out.Read, out.PreRead, out.PreCPUStats = true, now, e.read, e.cpu
	u.CPU.OnlineCPUs = uint32(runtime.NumCPU())
	// What all processors together could have used so far. The kernel's own count
	// goes by ticks, which is too coarse for a short interval.
	u.CPU.SystemUsage = uint64(now.Sub(m.began).Nanoseconds()) * uint64(u.CPU.OnlineCPUs)
	u.Memory.Limit = min(u.Memory.Limit, m.memory)
	out.CPUStats, out.MemoryStats, out.BlkioStats, out.PidsStats = u.CPU, u.Memory, u.BlkIO, u.Pids
	if !e.hostNetwork { // dockerd counts only interfaces of the container's own
		out.Networks, _ = cgroup.Networks(e.pid)
	}
	e.cpu, e.read = u.CPU, now
	return out
}
