package resolver

import (
	"os"
	"path/filepath"
	"strings"
)

// leaveCgroups moves this process out of the control groups of the command that
// started it, so that the end of a login, a CI step or a unit does not take it
// along: into the group "nerd" below the root of each hierarchy, where the
// companions of the containers are too. What cannot be done is left.
func leaveCgroups() {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(groups)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[2] == "/" {
			continue
		}
		dir := cgroupDir(string(mounts), f[1])
		if dir == "" {
			continue
		}
		group := filepath.Join(dir, "nerd")
		if f[1] == "" {
			group = filepath.Join(group, "monitors")
		}
		_ = os.MkdirAll(group, 0o755)
		_ = os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0)
	}
}

// cgroupDir finds where a hierarchy is mounted: by its controllers, which for the
// unified one are none.
func cgroupDir(mounts, controllers string) string {
	for line := range strings.Lines(mounts) {
		left, right, ok := strings.Cut(line, " - ")
		f, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(f) < 5 || len(kind) < 3 || f[3] != "/" {
			continue
		}
		switch {
		case controllers == "" && kind[0] == "cgroup2":
			return f[4]
		case controllers != "" && kind[0] == "cgroup" && hasAll(kind[2], controllers):
			return f[4]
		}
	}
	return ""
}

// hasAll tells whether the options of a mount name all controllers.
func hasAll(options, controllers string) bool {
	have := "," + options + ","
	for c := range strings.SplitSeq(controllers, ",") {
		if !strings.Contains(have, ","+c+",") {
			return false
		}
	}
	return true
}
