package ps

import (
	"fmt"
	"strconv"
	"time"
)

// column is one column of a table.
type column struct {
	title string
	value func(*machine, *process) string
}

// Number columns.
func numeric(title string, get func(*process) int) column {
	return column{title, func(_ *machine, p *process) string { return strconv.Itoa(get(p)) }}
}

// columnOf finds a column by the name it has for ps -o.
func columnOf(name string) (column, bool) {
	switch name {
	case "pid", "tgid":
		return numeric("PID", func(p *process) int { return p.pid }), name == "pid"
	case "ppid":
		return numeric("PPID", func(p *process) int { return p.ppid }), true
	case "pgid", "pgrp":
		return numeric("PGID", func(p *process) int { return p.pgrp }), name == "pgid"
	case "sid", "sess", "session":
		return numeric("SID", func(p *process) int { return p.session }), name == "sid"
	case "uid", "euid":
		return numeric("UID", func(p *process) int { return p.euid }), name == "uid"
	case "gid", "egid":
		return numeric("GID", func(p *process) int { return p.egid }), name == "gid"
	case "ni", "nice":
		return numeric("NI", func(p *process) int { return p.nice }), true
	case "nlwp", "thcount":
		return numeric("NLWP", func(p *process) int { return p.threads }), name == "nlwp"
	case "user", "uname", "euser":
		title := map[string]string{"euser": "EUSER"}[name]
		if title == "" {
			title = "USER"
		}
		return column{title, func(m *machine, p *process) string { return m.name("/etc/passwd", p.euid) }}, true
	case "ruser":
		return column{"RUSER", func(m *machine, p *process) string { return m.name("/etc/passwd", p.uid) }}, true
	case "group", "egroup":
		return column{"GROUP", func(m *machine, p *process) string { return m.name("/etc/group", p.egid) }}, name == "group"
	}
	return more(name)
}

func more(name string) (column, bool) {
	switch name {
	case "comm", "ucmd", "ucomm":
		return column{"COMMAND", func(_ *machine, p *process) string {
			if p.state == "Z" {
				return p.comm + " <defunct>"
			}
			return p.comm
		}}, name == "comm"
	case "cmd":
		return command("CMD"), true
	case "args", "command":
		return command("COMMAND"), true
	case "pcpu", "%cpu":
		return column{"%CPU", func(m *machine, p *process) string {
			permille := busy(m, p)
			return fmt.Sprintf("%d.%d", permille/10, permille%10)
		}}, true
	case "c":
		return column{"C", func(m *machine, p *process) string { return strconv.FormatUint(min(busy(m, p)/10, 99), 10) }}, true
	case "pmem", "%mem":
		return column{"%MEM", func(m *machine, p *process) string {
			permille := p.rss * 1000 / max(m.memory, 1)
			return fmt.Sprintf("%d.%d", permille/10, permille%10)
		}}, true
	case "vsz", "vsize":
		return column{"VSZ", func(_ *machine, p *process) string { return strconv.FormatUint(p.vsize>>10, 10) }}, true
	case "rss", "rssize", "rsz":
		return column{map[string]string{"rss": "RSS"}[name], func(_ *machine, p *process) string { return strconv.FormatUint(p.rss>>10, 10) }}, name == "rss"
	case "tty", "tt":
		return terminal("TT"), true
	case "stat":
		return column{"STAT", func(_ *machine, p *process) string { return stateWord(p) }}, true
	case "state", "s":
		return column{"S", func(_ *machine, p *process) string { return p.state }}, true
	case "stime":
		return column{"STIME", func(m *machine, p *process) string { return startWord(m.start(p), m.now) }}, true
	case "time", "cputime":
		return column{"TIME", func(_ *machine, p *process) string { return clock((p.utime+p.stime)/ticks, true) }}, true
	case "etime":
		return column{"ELAPSED", func(m *machine, p *process) string { return clock(m.age(p)/ticks, false) }}, true
	case "etimes":
		return column{"ELAPSED", func(m *machine, p *process) string { return strconv.FormatUint(m.age(p)/ticks, 10) }}, true
	}
	return column{}, false
}

// full is the layout of ps -f.
func full() []column {
	out := []column{{"UID", func(m *machine, p *process) string { return m.name("/etc/passwd", p.euid) }}}
	for _, name := range []string{"pid", "ppid", "c", "stime", "tty", "time", "cmd"} {
		c, _ := columnOf(name)
		out = append(out, c)
	}
	out[5].title = "TTY"
	return out
}

// user is the layout of ps u.
func user() []column {
	var out []column
	for _, name := range []string{"user", "pid", "pcpu", "pmem", "vsz", "rss", "tty", "stat"} {
		c, _ := columnOf(name)
		out = append(out, c)
	}
	out[6].title = "TTY"
	return append(
		out,
		column{"START", func(m *machine, p *process) string {
			start := m.start(p)
			if m.now.Sub(start) < 24*time.Hour {
				return start.Format("15:04")
			}
			return start.Format("Jan02")
		}},
		column{"TIME", func(_ *machine, p *process) string {
			seconds := (p.utime + p.stime) / ticks
			return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
		}},
		command("COMMAND"),
	)
}

func command(title string) column {
	return column{title, func(_ *machine, p *process) string { return p.args }}
}

func terminal(title string) column {
	return column{title, func(_ *machine, p *process) string { return ttyName(p.tty) }}
}

// age is how long a process has lived, in ticks.
func (m *machine) age(p *process) uint64 {
	up := uint64(m.uptime * ticks)
	if p.start > up {
		return 0
	}
	return up - p.start
}

func (m *machine) start(p *process) time.Time {
	return m.boot.Add(time.Duration(p.start) * time.Second / ticks)
}

// busy is the part of its life that a process has used a processor, in permille.
func busy(m *machine, p *process) uint64 {
	return (p.utime + p.stime) * 1000 / max(m.age(p), 1)
}

// startWord is when a process began: the hour if today, else the day or the year.
func startWord(start, now time.Time) string {
	switch {
	case start.Year() != now.Year():
		return start.Format("2006")
	case start.YearDay() != now.YearDay():
		return start.Format("Jan02")
	}
	return start.Format("15:04")
}

// clock is [DAYS-]HH:MM:SS; without hours, what is shorter than an hour is MM:SS.
func clock(seconds uint64, hours bool) string {
	days, rest := seconds/86400, seconds%86400
	switch {
	case days > 0:
		return fmt.Sprintf("%d-%02d:%02d:%02d", days, rest/3600, rest/60%60, rest%60)
	case hours || rest >= 3600:
		return fmt.Sprintf("%02d:%02d:%02d", rest/3600, rest/60%60, rest%60)
	}
	return fmt.Sprintf("%02d:%02d", rest/60, rest%60)
}

// ttyName is the name of a terminal's device number. Those of containers are
// pseudo-terminals.
func ttyName(dev int) string {
	major, minor := dev>>8&0xfff, dev&0xff|dev>>12&0xfff00
	switch {
	case dev == 0:
		return "?"
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<8|minor)
	case major == 4 && minor < 64:
		return fmt.Sprintf("tty%d", minor)
	case major == 4:
		return fmt.Sprintf("ttyS%d", minor-64)
	case major == 5 && minor == 1:
		return "console"
	}
	return fmt.Sprintf("%d,%d", major, minor)
}

// stateWord is the state and what ps adds to it.
func stateWord(p *process) string {
	out := p.state
	switch {
	case p.nice < 0:
		out += "<"
	case p.nice > 0:
		out += "N"
	}
	if p.locked {
		out += "L"
	}
	if p.session == p.pid {
		out += "s"
	}
	if p.threads > 1 {
		out += "l"
	}
	if p.tpgid == p.pgrp && p.tpgid > 0 {
		out += "+"
	}
	return out
}
