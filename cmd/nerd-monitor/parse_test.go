package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	c, bad := parseConfig([]string{
		"mode=run", "id=c1", "dir=/run/c1", "tty=1", "stdin=1", "once=1", "log=/a=b", "max-size=10", "max-file=3",
		"attrs=1", "pid=5", "ports=2", "nonce=9", "--", "nerd", "-n", "x=y",
	})
	if bad != "" {
		t.Fatalf("cannot read %q", bad)
	}
	if c.id != "c1" || c.dir != "/run/c1" || !c.tty || !c.openStdin || !c.stdinOnce || c.logPath != "/a=b" ||
		c.maxSize != 10 || c.maxFile != 3 || !c.attrs || c.pid != 5 || c.ports != 2 || c.nonce != 9 ||
		!slices.Equal(c.helper, []string{"nerd", "-n", "x=y"}) {
		t.Errorf("got %+v", c)
	}
	for _, args := range [][]string{{}, {"id=x"}, {"id=x", "dir=rel"}, {"id=x", "dir=/d", "what=1"}, {"id=x", "dir=/d", "pid=x"}, {"id=x", "dir=/d", "tty"}} {
		if _, bad := parseConfig(args); (bad == "") != slices.Contains(args, "tty") {
			t.Errorf("%q: got %q", args, bad)
		}
	}
}

func TestSplitArgs(t *testing.T) {
	if got := splitArgs([]byte("a\x00\x00b c\x00")); !slices.Equal(got, []string{"a", "", "b c"}) {
		t.Errorf("got %q", got)
	}
}

func TestStartTime(t *testing.T) {
	stat := "7 (a) (b) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21"
	if got := parseStartTime([]byte(stat)); got != 4242 {
		t.Errorf("got %d", got)
	}
	for _, s := range []string{"", "7 (a", "7 (a)", strings.Replace(stat, " R ", " Z ", 1)} {
		if got := parseStartTime([]byte(s)); got != 0 {
			t.Errorf("%q: got %d", s, got)
		}
	}
	self := startTime(os.Getpid())
	if self == 0 || self != startTime(os.Getpid()) {
		t.Errorf("of this process: %d", self)
	}
}

func TestCgroupMount(t *testing.T) {
	const (
		v1   = "30 27 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
		v2   = "28 27 0:24 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw"
		name = "31 27 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd"
		part = "30 27 0:26 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
	)
	for _, test := range []struct{ line, controllers, want string }{
		{v1, "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
		{v1, "cpuset", ""},
		{v1, "", ""},
		{v2, "", "/sys/fs/cgroup/unified"},
		{v2, "cpu", ""},
		{name, "name=systemd", "/sys/fs/cgroup/systemd"},
		{part, "cpu,cpuacct", ""},
		{"", "", ""},
		{"1 2 -", "", ""},
	} {
		if got, ok := cgroupMount(test.line, test.controllers); got != test.want || ok != (got != "") {
			t.Errorf("%s with %q: got %q, %v", test.line, test.controllers, got, ok)
		}
	}
	controllers, path, ok := parseCgroup("4:cpu,cpuacct:/a:b")
	if controllers != "cpu,cpuacct" || path != "/a:b" || !ok {
		t.Errorf("got %q, %q, %v", controllers, path, ok)
	}
}

func TestParseMapping(t *testing.T) {
	for _, test := range []struct {
		line       string
		from, to   uintptr
		disposable bool
	}{
		{"c000000000-c000400000 rw-p 00000000 00:00 0 ", 0xc000000000, 0xc000400000, true},
		{"7f0000000000-7f0000021000 rw-s 00001000 00:1a 7 /run/journal", 0x7f0000000000, 0x7f0000021000, true},
		{"c000000000-c000400000 rw-p 00000000 00:00 0  [anon: Go: heap]", 0xc000000000, 0xc000400000, true},
		{"00400000-00480000 r-xp 00000000 08:01 5 /bin/nerd-monitor", 0, 0, false},
		{"7ffc0000-7ffd0000 rw-p 00000000 00:00 0  [stack]", 0, 0, false},
		{"", 0, 0, false},
	} {
		from, to, disposable := parseMapping([]byte(test.line))
		if disposable != test.disposable || disposable && (from != test.from || to != test.to) {
			t.Errorf("%q: got %x, %x, %v", test.line, from, to, disposable)
		}
	}
}

func TestHelperEnv(t *testing.T) {
	got := helperEnv([]string{"PATH=/bin", "GOGC=10", "GOMAXPROCS=1", "GODEBUG=x", "GOGCX=1", ""})
	if want := []string{"PATH=/bin", "GOGCX=1", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
