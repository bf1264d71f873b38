package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tool is one program that is measured.
type tool struct {
	name   string
	path   string
	global []string // flags before the verb
	env    []string
	usable bool // containers can be run with it
}

// isCtr is true for containerd's own client, whose verbs are its own.
func (t *tool) isCtr() bool { return t.name == "ctr" }

// findTools looks for the tools and gives each the image.
func findTools(ctx context.Context, o options, archive string) []*tool {
	var found []*tool
	for _, name := range []string{"nerd", "docker", "nerdctl", "podman", "ctr"} {
		if len(o.tools) > 0 && !slices.Contains(o.tools, name) {
			continue
		}
		t := &tool{name: name, env: os.Environ()}
		var err error
		switch name {
		case "nerd":
			t.env = append(t.env, "NERD_NAMESPACE=bench")
			if t.path, err = filepath.Abs(o.nerd); err == nil {
				_, err = os.Stat(t.path)
			}
		case "ctr", "nerdctl":
			t.global = []string{"--namespace", "bench-" + name, "--address", containerdSocket()}
			fallthrough
		default:
			t.path, err = exec.LookPath(name)
		}
		if err != nil {
			continue
		}
		if err := t.load(ctx, archive); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s runs no containers here: %v\n", name, err)
		} else {
			t.usable = true
		}
		found = append(found, t)
	}
	return found
}

// containerdSocket is the containerd that ctr and nerdctl talk to: the same as
// nerd's, so that only the clients differ.
func containerdSocket() string {
	if v := os.Getenv("CONTAINERD_ADDRESS"); v != "" {
		return v
	}
	const system = "/run/containerd/containerd.sock"
	if _, err := os.Stat(system); err == nil {
		return system
	}
	return "/run/nerd/engine/containerd.sock"
}

func (t *tool) load(ctx context.Context, archive string) error {
	if t.isCtr() {
		return t.do(ctx, "images", "import", archive)
	}
	return t.do(ctx, "load", "-i", archive)
}

// do runs the tool and wants success.
func (t *tool) do(ctx context.Context, args ...string) error {
	_, err := t.output(ctx, args...)
	return err
}

func (t *tool) output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.path, append(slices.Clone(t.global), args...)...)
	cmd.Env = t.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lastLine(stderr.String()))
	}
	return strings.TrimSpace(string(out)), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// cname is the name of a container of the benchmark.
func cname(suffix string) string { return "nerd-bench-" + suffix }

// runArgs are the words that run the command in a container.
func (t *tool) runArgs(flags []string, name string, command ...string) []string {
	if t.isCtr() {
		return append(append([]string{"run"}, flags...), append([]string{imageRef, name}, command...)...)
	}
	return append(append([]string{"run", "--name", name}, flags...), append([]string{imageRef}, command...)...)
}

// start starts a container in the background and returns its id.
func (t *tool) start(ctx context.Context, name string, command ...string) (string, error) {
	out, err := t.output(ctx, t.runArgs([]string{"-d"}, name, command...)...)
	if t.isCtr() {
		return name, err
	}
	return out, err
}

// stop ends a container and keeps it.
func (t *tool) stop(ctx context.Context, name string) error {
	if t.isCtr() {
		return t.do(ctx, "task", "rm", "-f", name)
	}
	return t.do(ctx, "stop", "-t", "0", name)
}

// remove removes a container in any state.
func (t *tool) remove(ctx context.Context, name string) error {
	if t.isCtr() {
		_ = t.do(ctx, "task", "rm", "-f", name) // it has no task when it does not run
		return t.do(ctx, "containers", "rm", name)
	}
	return t.do(ctx, "rm", "-f", name)
}

// cleanup removes the image.
func (t *tool) cleanup(ctx context.Context) {
	if !t.usable {
		return
	}
	verb := []string{"rmi", "-f", imageRef}
	if t.isCtr() {
		verb = []string{"images", "rm", imageRef}
	}
	if err := t.do(ctx, verb...); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", t.name, err)
	}
}
