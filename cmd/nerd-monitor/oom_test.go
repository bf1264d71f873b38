package main

import "testing"

func TestUnifiedGroup(t *testing.T) {
	for table, want := range map[string]string{
		"0::/system.slice/nerd-1.scope\n":              "/system.slice/nerd-1.scope",
		"4:memory:/nerd/1\n1:name=systemd:/a\n0::/b\n": "/b",
		"4:memory:/nerd/1\n":                           "",
		"":                                             "",
	} {
		if got, ok := unifiedGroup([]byte(table)); got != want || ok != (want != "") {
			t.Errorf("%q gives %q, %v", table, got, ok)
		}
	}
}

func TestOOMKilled(t *testing.T) {
	for events, want := range map[string]bool{
		"low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n": true,
		"low 0\noom 1\noom_kill 0\noom_group_kill 1\n":                false,
		"oom_kill 12": true,
		"":            false,
		"oom_kill ":   false,
	} {
		if got := oomKilled([]byte(events)); got != want {
			t.Errorf("%q gives %v", events, got)
		}
	}
}
