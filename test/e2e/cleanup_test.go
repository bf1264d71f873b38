package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// finish removes what a script made, and first keeps the traces of a failure.
func (e *environment) finish(env *testscript.Env, name string) {
	if f, ok := env.T().(interface{ Failed() bool }); ok && f.Failed() {
		e.keep(env, name)
	}
	if e.target == "nerd" { // the namespaces that it has made
		for _, ns := range e.lines(env.Vars, "namespace", "ls", "-q") {
			if strings.HasPrefix(ns, name+"-") {
				vars := append(slices.Clone(env.Vars), "NERD_NAMESPACE="+ns)
				e.sweep(vars, name)
				e.remove(vars, []string{"volume", "rm"}, [][]string{{"volume", "ls", "-q"}})
				e.lines(vars, "namespace", "rm", "-c", ns)
			}
		}
	}
	e.sweep(env.Vars, name)
	if e.target == "nerd" {
		e.lines(env.Vars, "builder", "rm")
	}
}

// sweep removes the containers and images of the script called name. It is what
// a user would type, so the leak check afterwards judges nerd and not this.
func (e *environment) sweep(vars []string, name string) {
	lists := [][]string{{"ps", "-aq", "--no-trunc"}}
	images := [][]string{{"images", "-aq", "--no-trunc"}}
	if e.target == "docker" {
		lists = [][]string{
			{"ps", "-aq", "--filter", "label=nerd.e2e=" + name},
			{"ps", "-aq", "--filter", "name=" + name + "-"},
		}
		images = [][]string{
			{"images", "-aq", "--filter", "label=nerd.e2e=" + name},
			{"images", "-aq", "--filter", "reference=localhost/" + name + "/*"},
			{"images", "-aq", "--filter", "reference=127.0.0.1:*/" + name + "/*"},
		}
	}
	command := []string{"rm", "-f", "-v"}
	if e.target == "nerd" {
		command = append([]string{"--force-foreign"}, command...)
		lists = append(lists, []string{"ps", "-aq", "--no-trunc", "--filter", "label=io.cri-containerd.kind=sandbox"})
	}
	e.remove(vars, command, lists)
	e.remove(vars, []string{"rmi", "-f"}, images)
	volumes := []string{"volume", "ls", "-q"}
	if e.target == "docker" {
		volumes = append(volumes, "--filter", "name="+name+"-")
	}
	e.remove(vars, []string{"volume", "rm"}, [][]string{volumes})
	// Networks are no namespace's, and the name of one script can begin another's.
	var networks [][]string
	for _, end := range []string{"$", "-", "_"} {
		networks = append(networks, []string{"network", "ls", "-q", "--no-trunc", "--filter", "name=^" + name + end})
	}
	e.remove(vars, []string{"network", "rm"}, networks)
}

// remove runs a command on whatever the lists name.
func (e *environment) remove(vars, command []string, lists [][]string) {
	var ids []string
	for _, list := range lists {
		ids = append(ids, e.lines(vars, list...)...)
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > 0 {
		e.lines(vars, append(command, ids...)...)
	}
}

// lines runs the target and returns the words of its output. A failure is
// reported: what it leaves is found by the leak check.
func (e *environment) lines(vars []string, args ...string) []string {
	cmd := exec.Command(e.bin, args...)
	cmd.Env = vars
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %s %s: %v\n", e.target, strings.Join(args, " "), err)
	}
	return strings.Fields(string(out))
}

// keep copies what explains a failure into NERD_TEST_ARTIFACTS/<name>.
func (e *environment) keep(env *testscript.Env, name string) {
	root := os.Getenv("NERD_TEST_ARTIFACTS")
	if root == "" {
		return
	}
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return
	}
	save := func(file string, args ...string) {
		cmd := exec.Command(e.bin, args...)
		cmd.Env = env.Vars
		out, _ := cmd.CombinedOutput() // the failure is part of the trace
		if err := os.WriteFile(filepath.Join(dir, file), out, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
	}
	save("ps.txt", "ps", "-a", "--no-trunc")
	save("images.txt", "images", "-a")
	if e.target == "nerd" {
		save("engine.txt", "engine", "logs")
		for _, id := range e.lines(env.Vars, "ps", "-aq", "--no-trunc") {
			save("inspect-"+id[:12]+".json", "inspect", id)
			save("logs-"+id[:12]+".txt", "logs", "--tail", "200", id)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "work"), regularFiles{os.DirFS(env.WorkDir)}); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	fmt.Fprintln(os.Stderr, "e2e: kept in", dir)
}

// regularFiles hides sockets, pipes and links, which CopyFS refuses.
type regularFiles struct{ fs.FS }

// ReadDir implements fs.ReadDirFS.
func (r regularFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(r.FS, name)
	kept := entries[:0]
	for _, entry := range entries {
		if entry.IsDir() || entry.Type().IsRegular() {
			kept = append(kept, entry)
		}
	}
	return kept, err
}
