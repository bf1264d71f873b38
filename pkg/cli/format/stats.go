package format

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	apicontainer "github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/container"
)

const statsTable = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

// Stats writes what containers use, in the layout of `docker stats`.
func Stats(w io.Writer, layout string, noTrunc bool, list []container.Measured) error {
	if layout == "" || layout == formatter.TableFormatKey {
		layout = statsTable
	}
	ctx := formatter.Context{Output: w, Format: formatter.Format(layout), Trunc: !noTrunc}
	rows := &statsRow{}
	rows.Header = formatter.SubHeaderContext{
		"Container": "CONTAINER", "Name": formatter.NameHeader, "ID": formatter.ContainerIDHeader, "CPUPerc": "CPU %",
		"MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
	}
	return ctx.Write(rows, func(format func(formatter.SubContext) error) error {
		for _, m := range list {
			if err := format(&statsRow{m: m, trunc: !noTrunc}); err != nil {
				return err
			}
		}
		return nil
	})
}

// statsRow is a line; its methods are the fields of templates.
type statsRow struct {
	formatter.HeaderContext
	m     container.Measured
	trunc bool
}

func (r *statsRow) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// Container is the container as it was named on the command line.
func (r *statsRow) Container() string { return r.m.Ref }

// Name is the container's name.
func (r *statsRow) Name() string { return strings.TrimPrefix(r.m.Name, "/") }

// ID is the container's id.
func (r *statsRow) ID() string {
	if r.trunc {
		return formatter.TruncateID(r.m.ID)
	}
	return r.m.ID
}

// CPUPerc is 100 % for each processor that was busy all the time.
func (r *statsRow) CPUPerc() string { return percent(cpuPercent(r.m.PreCPUStats, r.m.CPUStats)) }

// MemUsage is the memory in use and its limit.
func (r *statsRow) MemUsage() string {
	return units.BytesSize(float64(memoryUsed(r.m.MemoryStats))) + " / " + units.BytesSize(float64(r.m.MemoryStats.Limit))
}

// MemPerc is the memory in use as a part of its limit.
func (r *statsRow) MemPerc() string {
	if r.m.MemoryStats.Limit == 0 {
		return percent(0)
	}
	return percent(float64(memoryUsed(r.m.MemoryStats)) / float64(r.m.MemoryStats.Limit) * 100)
}

// NetIO is what was received and sent.
func (r *statsRow) NetIO() string {
	var received, sent uint64
	for _, n := range r.m.Networks {
		received, sent = received+n.RxBytes, sent+n.TxBytes
	}
	return inOut(received, sent)
}

// BlockIO is what was read from block devices and written to them.
func (r *statsRow) BlockIO() string {
	var read, written uint64
	for _, e := range r.m.BlkioStats.IoServiceBytesRecursive {
		switch e.Op {
		case "read":
			read += e.Value
		case "write":
			written += e.Value
		}
	}
	return inOut(read, written)
}

// PIDs is how many processes and threads there are.
func (r *statsRow) PIDs() string { return fmt.Sprint(r.m.PidsStats.Current) }

func percent(v float64) string { return fmt.Sprintf("%.2f%%", v) }

func inOut(in, out uint64) string {
	return units.HumanSizeWithPrecision(float64(in), 3) + " / " + units.HumanSizeWithPrecision(float64(out), 3)
}

// cpuPercent compares two readings; the first one of a container says nothing yet.
func cpuPercent(before, now apicontainer.CPUStats) float64 {
	if before.OnlineCPUs == 0 || now.SystemUsage <= before.SystemUsage || now.CPUUsage.TotalUsage <= before.CPUUsage.TotalUsage {
		return 0
	}
	used, could := float64(now.CPUUsage.TotalUsage-before.CPUUsage.TotalUsage), float64(now.SystemUsage-before.SystemUsage)
	return used / could * float64(now.OnlineCPUs) * 100
}

// memoryUsed leaves out the part of the page cache that is not in active use, as
// Docker does: total_inactive_file on cgroup version 1, inactive_file on version 2.
func memoryUsed(m apicontainer.MemoryStats) uint64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if cache, ok := m.Stats[name]; ok {
			if cache < m.Usage {
				return m.Usage - cache
			}
			return m.Usage
		}
	}
	return m.Usage
}
