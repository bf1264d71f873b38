package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cgroupName is the daemons' cgroup below the top of every hierarchy.
const cgroupName = "nerd/engine"

// joinCgroup moves a process out of its caller's cgroups, so that it does not
// end with the login session, the unit or the job that happened to start it, nor
// counts against its limits. A hierarchy that does not allow it (a read-only one
// in a container, for instance) is left alone: the daemon works there too.
func joinCgroup(pid int) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for _, top := range cgroupMounts(mounts) {
		dir := filepath.Join(top, cgroupName)
		if os.MkdirAll(dir, 0o755) != nil {
			continue
		}
		fillCpuset(top, dir)
		_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0) // see above
	}
}

// leaveCgroups removes the daemons' cgroups where nothing is left in them; the
// shims of running containers keep theirs.
func leaveCgroups() {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for _, top := range cgroupMounts(mounts) {
		_ = os.Remove(filepath.Join(top, cgroupName)) // busy: not ours to remove
	}
}

// cgroupMounts takes the mount points of cgroup hierarchies of either version,
// the named ones included, out of /proc/PID/mountinfo, see proc(5).
func cgroupMounts(mountinfo []byte) []string {
	var tops []string
	for line := range bytes.Lines(mountinfo) {
		before, after, ok := bytes.Cut(line, []byte(" - "))
		fields := strings.Fields(string(before))
		if !ok || len(fields) < 5 {
			continue
		}
		if kind, _, _ := bytes.Cut(after, []byte(" ")); string(kind) == "cgroup" || string(kind) == "cgroup2" {
			tops = append(tops, fields[4])
		}
	}
	return tops
}

// fillCpuset gives version 1's cpuset groups the processors and memory nodes of
// their parents. A new group has none, and then takes no process.
func fillCpuset(top, dir string) {
	rel, err := filepath.Rel(top, dir)
	if err != nil {
		return
	}
	at := top
	for elem := range strings.SplitSeq(rel, "/") {
		next := filepath.Join(at, elem)
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			inherit(filepath.Join(at, name), filepath.Join(next, name))
		}
		at = next
	}
}

// inherit copies a cpuset file to one that is empty. Other hierarchies do not
// have the file at their top, so nothing happens there.
func inherit(from, to string) {
	value, err := os.ReadFile(from)
	if err != nil || len(bytes.TrimSpace(value)) == 0 {
		return
	}
	if own, err := os.ReadFile(to); err == nil && len(bytes.TrimSpace(own)) == 0 {
		_ = os.WriteFile(to, value, 0) // the group then stays empty, see joinCgroup
	}
}
