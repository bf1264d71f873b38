package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Group is the control group of a container: one folder of the unified tree, or
// one for each controller of version 1.
type Group struct {
	v2   bool
	dirs map[string]string // by controller; of version 2, with the empty name
}

// Of finds the group of a container by one of its processes. A process inside the
// container may have moved itself further down: the group is cut off behind the
// part of its path that has the container's id.
func Of(pid int, id string) (Group, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return Group{}, err
	}
	return find(Root, string(text), id)
}

// find reads the lines of /proc/PID/cgroup, "NUMBER:CONTROLLERS:PATH".
func find(root, text, id string) (Group, error) {
	g := Group{dirs: map[string]string{}}
	unified := ""
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") || strings.Contains(parts[2], "/../") {
			continue
		}
		path := upTo(parts[2], id)
		if parts[1] == "" {
			unified = path
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			if !strings.HasPrefix(controller, "name=") {
				g.dirs[controller] = filepath.Join(root, controller, path)
			}
		}
	}
	if len(g.dirs) > 0 {
		return g, nil
	}
	if unified == "" {
		return g, errors.New("it is in no control group")
	}
	g.v2, g.dirs[""] = true, filepath.Join(root, unified)
	return g, nil
}

// upTo cuts a path behind the component that names the container.
func upTo(path, id string) string {
	parts := strings.Split(path, "/")
	at := slices.IndexFunc(parts, func(p string) bool { return id != "" && strings.Contains(p, id) })
	if at < 0 {
		return path
	}
	return strings.Join(parts[:at+1], "/")
}

// file is the path of a file of a controller; its name is given for both versions.
func (g Group) file(controller, v1, v2 string) string {
	if g.v2 {
		return filepath.Join(g.dirs[""], v2)
	}
	return filepath.Join(g.dirs[controller], v1)
}

// Processes are the pids in a group and in those below it, sorted. A process that
// ends meanwhile may be missing or still there.
func (g Group) Processes() ([]int, error) {
	dir := g.dirs[""]
	for _, controller := range []string{"pids", "memory", "cpu", "devices", "freezer"} {
		if dir == "" {
			dir = g.dirs[controller]
		}
	}
	var out []int
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil // a group below that has gone
		}
		if e.Name() != "cgroup.procs" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				out = append(out, pid)
			}
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}
