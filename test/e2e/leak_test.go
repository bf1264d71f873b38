package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// machine is what a look at the machine found: lines, each naming one thing that
// a container could leave behind.
type machine map[string]bool

func (m machine) add(kind string, lines ...string) {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			m[kind+": "+line] = true
		}
	}
}

// snapshot looks at the machine.
func (e *environment) snapshot() machine {
	found := machine{}
	if e.target == "docker" {
		found.add("container", e.lines(nil, "ps", "-aq", "--filter", "name=e2e-"+e.id)...)
		found.add("image", e.lines(nil, "images", "-q", "--filter", "reference=localhost/e2e-"+e.id+"*/*")...)
		return found
	}
	run, data := root("NERD_RUN_ROOT", "/run/nerd"), root("NERD_DATA_ROOT", "/var/lib/nerd")
	for _, dir := range []string{"netns", "ipam", "ports", "net", "resolver"} {
		found.addFiles(filepath.Join(run, dir))
	}
	for _, dir := range []string{run, data} {
		for _, kind := range []string{"containers", "volumes", "mounts"} {
			matches, err := filepath.Glob(filepath.Join(dir, "e2e-"+e.id+"-*", kind, "*"))
			found.add("folder", matches...)
			found.addError(err)
		}
	}
	found.addProcesses("e2e-" + e.id)
	found.addLinks()
	found.addMounts(run, data, "/e2e-"+e.id)
	found.addRules("iptables-save")
	found.addRules("ip6tables-save")
	found.addRules("nft", "list", "ruleset")
	found.addCgroups()
	found.without(e.others(found))
	found.addError(e.addContainerd(found))
	return found
}

// root is one of nerd's folders.
func root(env, otherwise string) string {
	if v := os.Getenv(env); v != "" {
		return v
	}
	return otherwise
}

// addError makes a look that failed visible as something that is left.
func (m machine) addError(err error) {
	if err != nil {
		m.add("error", err.Error())
	}
}

// bookkeeping are the files of host-local and of locks that stay.
var bookkeeping = []string{"lock", "last_reserved_ip"}

// addFiles adds the files below dir.
func (m machine) addFiles(dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if !slices.ContainsFunc(bookkeeping, func(s string) bool { return strings.Contains(d.Name(), s) }) {
			m.add("file", path)
		}
		return nil
	})
	m.addError(err)
}

// addProcesses adds what runs on behalf of a namespace that begins with prefix.
func (m machine) addProcesses(prefix string) {
	for _, pid := range processes(func(cmdline, _ string) bool { return strings.Contains(cmdline, prefix) }) {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil {
			m.add("process", strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
}

// addLinks adds the ends of veth pairs and the bridges of networks.
func (m machine) addLinks() {
	links, err := net.Interfaces()
	m.addError(err)
	for _, link := range links {
		if strings.HasPrefix(link.Name, "veth") || strings.HasPrefix(link.Name, "br-") {
			m.add("link", link.Name)
		}
	}
}

// addMounts adds the mount points whose path holds one of the parts.
func (m machine) addMounts(parts ...string) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	m.addError(err)
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(fields[4], p) }) {
			m.add("mount", fields[4])
		}
	}
}

// addRules adds the firewall rules that a program lists.
func (m machine) addRules(name string, args ...string) {
	path, err := exec.LookPath(name)
	if err != nil {
		return // without the program there are no such rules
	}
	out, err := exec.Command(path, args...).Output()
	m.addError(err)
	counters := regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+`)
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			m.add(name, counters.ReplaceAllString(line, ""))
		}
	}
}

// addCgroups adds the ids of containers that have cgroups. In version 1 every
// controller has its own.
func (m machine) addCgroups() {
	id := regexp.MustCompile(`[0-9a-f]{64}`)
	for _, depth := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} {
		dirs, err := filepath.Glob("/sys/fs/cgroup/" + depth)
		m.addError(err)
		for _, dir := range dirs {
			if id.MatchString(filepath.Base(dir)) {
				m.add("cgroup", filepath.Base(dir))
			}
		}
	}
}

// lasting are the kinds of which nothing may vanish either: nerd shares them with
// others. What is of one container does so all the time.
var (
	lasting   = []string{"link: ", "iptables-save: ", "ip6tables-save: ", "nft: "}
	transient = regexp.MustCompile(`\bveth[0-9a-f]+|\bCNI-[A-Z]+-[0-9a-f]{16,}|[0-9a-f]{64}|dport \d+ .*CNI-HOSTPORT|dnat to|DNAT --to`)
)

// differences is what is there now and was not before, and what was shared and is
// gone.
func (e *environment) differences(before machine) machine {
	now, out := e.snapshot(), machine{}
	for line := range now {
		if !before[line] {
			out[line] = true
		}
	}
	for line := range before {
		if !now[line] && !transient.MatchString(line) && slices.ContainsFunc(lasting, func(kind string) bool { return strings.HasPrefix(line, kind) }) {
			out["gone: "+line] = true
		}
	}
	return out
}

// leaks are the differences that last, after a time for what is cleaned up in the
// background. What comes and goes from look to look is somebody else's.
func (e *environment) leaks(before machine) []string {
	var left machine
	_ = poll(patience, func() error {
		now := e.differences(before)
		if left == nil {
			left = now
		}
		maps.DeleteFunc(left, func(line string, _ bool) bool { return !now[line] })
		if len(left) > 0 {
			return errors.New("something is left")
		}
		return nil
	})
	return slices.Sorted(maps.Keys(left))
}
