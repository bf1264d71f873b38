package ps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is how many clock ticks of /proc make a second; Linux tells every program
// the same.
const ticks = 100

// machine is what the times and names of processes are measured by.
type machine struct {
	proc   string
	boot   time.Time
	now    time.Time
	uptime float64 // seconds
	memory uint64  // bytes
	page   uint64  // bytes
	names  map[string]map[int]string
}

func readMachine(proc string) (*machine, error) {
	m := &machine{proc: proc, now: time.Now(), page: uint64(os.Getpagesize()), names: map[string]map[int]string{}}
	up, err := os.ReadFile(filepath.Join(proc, "uptime"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(up), " ")
	if m.uptime, err = strconv.ParseFloat(first, 64); err != nil {
		return nil, fmt.Errorf("%s/uptime: %w", proc, err)
	}
	m.boot = m.now.Add(-time.Duration(m.uptime * float64(time.Second)))
	info, err := os.ReadFile(filepath.Join(proc, "meminfo"))
	if err != nil {
		return nil, err
	}
	if _, rest, ok := strings.Cut(string(info), "MemTotal:"); ok {
		kib, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
		m.memory = kib << 10
	}
	return m, nil
}

// name finds the name of a number in /etc/passwd or /etc/group; ps, too, shows the
// number where there is none.
func (m *machine) name(file string, id int) string {
	names, ok := m.names[file]
	if !ok {
		names = map[int]string{}
		data, _ := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			f := strings.Split(line, ":")
			if len(f) < 3 {
				continue
			}
			n, err := strconv.Atoi(strings.TrimSpace(f[2]))
			if _, taken := names[n]; err == nil && !taken {
				names[n] = f[0]
			}
		}
		m.names[file] = names
	}
	if name := names[id]; name != "" {
		return name
	}
	return strconv.Itoa(id)
}

// process is what /proc says of one process. The times are in ticks, the start
// counts from the boot.
type process struct {
	pid, ppid, pgrp, session, tty, tpgid int
	state                                string
	comm, args                           string
	utime, stime, start                  uint64
	priority, nice, threads              int
	vsize, rss                           uint64 // bytes
	uid, euid, gid, egid                 int
	locked                               bool
}

var errStat = errors.New("its stat file cannot be read")

func (m *machine) process(pid int) (*process, error) {
	dir := filepath.Join(m.proc, strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return nil, err
	}
	p, err := parseStat(string(stat), m.page)
	if err != nil {
		return nil, err
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return nil, err
	}
	p.readStatus(string(status))
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return nil, err
	}
	p.args = printable(strings.TrimRight(string(cmdline), "\x00"))
	if p.args == "" {
		p.args = "[" + p.comm + "]"
	}
	if p.state == "Z" {
		p.args = "[" + p.comm + "] <defunct>"
	}
	return p, nil
}

// parseStat reads /proc/PID/stat. The name in parentheses may hold anything, so the
// last parenthesis ends it.
func parseStat(text string, page uint64) (*process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return nil, errStat
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 22 {
		return nil, errStat
	}
	n := make([]int64, 22)
	for i := 1; i < 22; i++ {
		u, err := strconv.ParseUint(strings.TrimPrefix(f[i], "-"), 10, 64)
		if err != nil {
			return nil, errStat
		}
		if n[i] = int64(u); strings.HasPrefix(f[i], "-") {
			n[i] = -n[i]
		}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text[:open]))
	if err != nil {
		return nil, errStat
	}
	return &process{
		pid: pid, comm: printable(text[open+1 : end]), state: f[0], ppid: int(n[1]), pgrp: int(n[2]), session: int(n[3]), tty: int(n[4]),
		tpgid: int(n[5]), utime: uint64(n[11]), stime: uint64(n[12]), priority: int(n[15]), nice: int(n[16]), threads: int(n[17]),
		start: uint64(n[19]), vsize: uint64(n[20]), rss: uint64(max(n[21], 0)) * page,
	}, nil
}

// readStatus takes from /proc/PID/status the users and groups, real and effective,
// and the memory.
func (p *process) readStatus(text string) {
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		switch {
		case name == "Uid" && len(f) > 1:
			p.uid, _ = strconv.Atoi(f[0])
			p.euid, _ = strconv.Atoi(f[1])
		case name == "Gid" && len(f) > 1:
			p.gid, _ = strconv.Atoi(f[0])
			p.egid, _ = strconv.Atoi(f[1])
		case name == "VmLck" && len(f) > 0:
			p.locked = f[0] != "0"
		case name == "VmRSS" && len(f) > 0: // exact, which stat is not
			if kib, err := strconv.ParseUint(f[0], 10, 64); err == nil {
				p.rss = kib << 10
			}
		}
	}
}

// printable replaces what would break a line or steer a terminal: a process
// chooses its own name. Arguments are separated by zero bytes.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0 || r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd':
			return '?'
		}
		return r
	}, s)
}
