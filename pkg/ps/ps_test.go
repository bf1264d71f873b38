package ps

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestLayout(t *testing.T) {
	for args, want := range map[string]string{
		"-ef": "UID PID PPID C STIME TTY TIME CMD", "-e -f": "UID PID PPID C STIME TTY TIME CMD",
		"aux": "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND", "-o pid,comm": "PID COMMAND", "-opid,args": "PID COMMAND",
		"-eo pid,user": "PID USER", "axo pid,stat": "PID STAT", "-o pid -e": "PID", "-o pid,,ppid": "PID PPID",
	} {
		columns, ok := layout(strings.Fields(args))
		var titles []string
		for _, c := range columns {
			titles = append(titles, c.title)
		}
		if got := strings.Join(titles, " "); !ok || got != want {
			t.Errorf("%s: %q, %t", args, got, ok)
		}
	}
	for _, args := range []string{"auxf", "-o", "-o pid=X", "-o nosuch", "-C sleep", "-o pid -o comm", "-h", "-efo pid", "--no-headers", "-o ,", "-q 1", "-p 1 -o pid"} {
		if columns, ok := layout(strings.Fields(args)); ok {
			t.Errorf("%s: is not for the real ps: %v", args, columns)
		}
	}
}

// What is read from /proc is what the machine's ps prints.
func TestLikePs(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Fatal("the tests need the package procps")
	}
	child := exec.Command("sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	pids := []int{1, os.Getpid(), child.Process.Pid}
	slices.Sort(pids)
	for _, line := range []string{
		"-ef", "aux", "-o pid,ppid,pgid,sid,uid,gid,ni,nlwp,euser,ruser,group", "-o pid,comm", "-o pid,user,tty,tt,time,stime,s", "-o pid,vsz,pmem,etime,cmd", "-o pid,command", "-o pid,args",
	} {
		args := strings.Fields(line)
		var got, want string
		for range 20 { // time passes between the two
			titles, rows, err := Table(t.Context(), args, pids)
			if err != nil {
				t.Fatal(err)
			}
			hostTitles, hostRows, err := hostTable(t.Context(), args, pids)
			if err != nil {
				t.Fatal(err)
			}
			got, want = text(titles, rows), text(hostTitles, hostRows)
			if got == want {
				break
			}
		}
		if got != want {
			t.Errorf("%s:\n%s\nps has\n%s", line, got, want)
		}
	}
}

// text leaves out what this process changes while it is looked at: its memory, its
// threads and its state.
func text(titles []string, rows [][]string) string {
	out := strings.Join(titles, "|")
	self := strconv.Itoa(os.Getpid())
	for _, row := range rows {
		row = slices.Clone(row)
		for i, title := range titles {
			if slices.Contains(row, self) && slices.Contains([]string{"%CPU", "C", "%MEM", "VSZ", "RSS", "STAT", "S", "TIME", "NLWP"}, title) {
				row[i] = "*"
			}
		}
		out += "\n" + strings.Join(row, "|")
	}
	return out
}

func TestTableErrors(t *testing.T) {
	for args, want := range map[string]string{
		"-o comm": "Couldn't find PID field in ps output", "-o pid=x": "Couldn't find PID field", "-o nosuch": "unknown user-defined format specifier",
		"-o user=PID": `specifying "user=PID" is not allowed`,
	} {
		if _, _, err := Table(t.Context(), strings.Fields(args), []int{1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	titles, rows, err := Table(t.Context(), nil, []int{1 << 30})
	if err != nil || len(titles) != 8 || len(rows) != 0 {
		t.Errorf("a process that has ended: %v %v %v", titles, rows, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := Table(t.Context(), []string{"auxf"}, []int{1}); err == nil || !strings.Contains(err.Error(), "there is no ps on this machine") {
		t.Error(err)
	}
	if _, _, err := Table(t.Context(), []string{"aux"}, []int{1}); err != nil {
		t.Errorf("the common layouts need no ps: %v", err)
	}
}

func TestParse(t *testing.T) {
	titles, rows, err := parse("  PID TTY  CMD\n    1 ?  init with words\n    2 ?  b\n    - -  thread\n 3 ? c\n\n", []int{1, 2})
	if err != nil || !slices.Equal(titles, []string{"PID", "TTY", "CMD"}) || len(rows) != 3 || rows[0][2] != "init with words" || rows[2][2] != "thread" {
		t.Errorf("%v %q %v", titles, rows, err)
	}
	for _, out := range []string{"", "TTY\n?", "PID CMD\nx y", "CMD PID\nx"} {
		if _, _, err := parse(out, nil); err == nil {
			t.Errorf("%q was read", out)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = ") S 2 3 4 34816 5 0 0 0 0 0 7 8 0 0 20 -5 1 0 99 4096 6 0"
	p, err := parseStat("1 (a) b\x1b\n)"+rest[1:], 4096)
	if err != nil || p.comm != "a) b? " || p.ppid != 2 || p.nice != -5 || p.start != 99 || p.rss != 6*4096 || ttyName(p.tty) != "pts/0" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, s := range []string{"", "1", "1 (", ")(", "x (a" + rest, "1 (a) S 2 3", strings.Replace("1 (a"+rest, "99", "nine", 1)} {
		if p, err := parseStat(s, 4096); err == nil {
			t.Errorf("%q: %+v", s, p)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("1 (a) S 2 3 4 0 5 0 0 0 0 0 7 8 0 0 20 -5 1 0 99 4096 6 0")
	f.Add("1 (a")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parseStat(s, 4096); err == nil && strings.ContainsAny(p.comm, "\n\x00\x1b") {
			t.Errorf("%q: %q", s, p.comm)
		}
	})
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{startWord(now.Add(-time.Hour), now), "06:08"},
		{startWord(now.Add(-48*time.Hour), now), "May04"},
		{startWord(now.AddDate(-1, 0, 0), now), "2025"},
		{clock(59, true), "00:00:59"},
		{clock(59, false), "00:59"},
		{clock(3600, false), "01:00:00"},
		{clock(90061, true), "1-01:01:01"},
		{ttyName(0), "?"},
		{ttyName(4<<8 | 1), "tty1"},
		{ttyName(4<<8 | 64), "ttyS0"},
		{ttyName(5<<8 | 1), "console"},
		{ttyName(9<<8 | 3), "9,3"},
		{stateWord(&process{pid: 1, session: 1, state: "R", nice: 3, threads: 2, pgrp: 1, tpgid: 1, locked: true}), "RNLsl+"},
		{stateWord(&process{pid: 2, state: "S", nice: -3}), "S<"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
