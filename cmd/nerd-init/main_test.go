package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var binary string

// TestMain builds nerd-init as make does.
func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nerd-init-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "nerd-init")
	build := exec.Command("go", "build", "-ldflags", "-s -w -E main.entry", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build nerd-init: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatal(err)
	}
	return exit.ExitCode() // -1: a signal has ended it
}

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"plain": {"x", 0o644}, "script": {"#!/bin/sh\nexit 9\n", 0o755}, "garbage": {"\x00\x01", 0o755}, "second/tool": {"#!/bin/sh\nexit 8\n", 0o755},
		"first/tool": {"x", 0o644},
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file.text), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name string
		path string // PATH; "-": not set
		args []string
		want int
		err  string
	}{
		{"success", "", []string{"--", "true"}, 0, ""},
		{"status", "", []string{"--", "sh", "-c", "exit 7"}, 7, ""},
		{"largest status", "", []string{"--", "sh", "-c", "exit 255"}, 255, ""},
		{"signal", "", []string{"--", "sh", "-c", "kill -TERM $$"}, 143, ""},
		{"kill", "", []string{"--", "sh", "-c", "kill -KILL $$"}, 137, ""},
		{"without dashes", "", []string{"sh", "-c", "exit 3"}, 3, ""},
		{"dashes for the command", "", []string{"--", "sh", "-c", `[ "$1" = -- ]`, "sh", "--"}, 0, ""},
		{"no command", "", []string{"--"}, 2, "say what to run"},
		{"nothing", "", nil, 2, "say what to run"},
		{"path", "", []string{"--", dir + "/script"}, 9, ""},
		{"in the last folder", dir + "/none:" + dir, []string{"--", "script"}, 9, ""},
		{"not executable, then found", dir + "/first:" + dir + "/second", []string{"--", "tool"}, 8, ""},
		{"not executable", dir + "/first", []string{"--", "tool"}, 126, "cannot run tool: permission denied"},
		{"not found", dir, []string{"--", "nosuch"}, 127, "cannot run nosuch: no such file or directory"},
		{"path not found", "", []string{"--", "/nosuch"}, 127, "cannot run /nosuch: no such file"},
		{"no PATH", "-", []string{"--", "sh"}, 127, "no such file"},
		{"empty name", "", []string{"--", ""}, 127, "no such file"},
		{"a folder", "", []string{"--", dir}, 126, "permission denied"},
		{"not a program", "", []string{"--", dir + "/garbage"}, 126, "exec format error"},
		{"path through a file", "", []string{"--", dir + "/plain/x"}, 126, "error 20"},
		{"long name", "", []string{"--", long}, 127, "no such file"},
		{"long folder", "/" + long + ":" + dir, []string{"--", "script"}, 9, ""},
	} {
		cmd := exec.Command(binary, c.args...)
		if c.path != "" {
			cmd.Env = []string{"PATH=" + c.path}
		}
		if c.path == "-" {
			cmd.Env = []string{"A=B"}
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if got := status(t, cmd.Run()); got != c.want || !strings.Contains(stderr.String(), c.err) || c.err == "" && stderr.Len() > 0 {
			t.Errorf("%s: status %d, %q", c.name, got, stderr.String())
		}
	}
}

// running starts a shell under nerd-init that says when it is ready.
func running(t *testing.T, script string, attr *syscall.SysProcAttr) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(binary, "--", "sh", "-c", script)
	cmd.SysProcAttr = attr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func TestForwardsSignals(t *testing.T) {
	for sig, name := range map[syscall.Signal]string{
		syscall.SIGTERM: "TERM", syscall.SIGINT: "INT", syscall.SIGHUP: "HUP", syscall.SIGQUIT: "QUIT", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
		syscall.SIGWINCH: "WINCH", syscall.SIGALRM: "ALRM", syscall.SIGPIPE: "PIPE", syscall.SIGCONT: "CONT", syscall.SIGTTIN: "TTIN",
		syscall.SIGTSTP: "TSTP", syscall.SIGXCPU: "XCPU", 40: "40", 64: "64",
	} {
		cmd, out := running(t, fmt.Sprintf("trap 'echo got; exit 5' %s; echo >&3; i=0; while [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done", name), nil)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got := status(t, cmd.Wait()); got != 5 || out.String() != "got\n" {
			t.Errorf("%s: status %d, %q", name, got, out.String())
		}
	}
}

// The command begins with the signals that nerd-init began with.
func TestSignalMask(t *testing.T) {
	read := func(args ...string) string {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "SigBlk") || strings.HasPrefix(line, "SigIgn") || strings.HasPrefix(line, "SigCgt") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if with, without := read(binary, "--", "cat", "/proc/self/status"), read("cat", "/proc/self/status"); with != without || with == "" {
		t.Errorf("with it\n%swithout\n%s", with, without)
	}
}

// As the first process of a namespace it gets orphans, and reaps them; when the
// command ends, so does everything.
func TestReaps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a pid namespace")
	}
	cmd, out := running(t, `(sleep 0.1 & sleep 0.1 & sleep 1000 &); sleep 0.5; echo >&3; read x </proc/uptime; sleep 0.3; exit 4`,
		&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
	children := strings.Fields(readFile(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)))
	if len(children) != 2 { // the shell and the long sleep
		t.Errorf("children: %v", children)
	}
	for _, pid := range children {
		if strings.Contains(readFile(t, "/proc/"+pid+"/stat"), ") Z ") {
			t.Errorf("%s is a zombie", pid)
		}
	}
	if got := status(t, cmd.Wait()); got != 4 {
		t.Errorf("status %d, %s", got, out)
	}
	for _, pid := range children {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(n, 0); err == nil {
			t.Errorf("%s has survived", pid)
		}
	}
}

// The kernel ignores what a first process does not handle; it must arrive all
// the same.
func TestSignalsOfAFirstProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a pid namespace")
	}
	cmd, _ := running(t, "echo >&3; exec sleep 1000", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := status(t, cmd.Wait()); got != 143 {
		t.Errorf("status %d", got)
	}
}

func TestIsSmall(t *testing.T) {
	cmd, _ := running(t, "echo >&3; exec sleep 1000", nil)
	text := readFile(t, fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	value := func(key string) int {
		for line := range strings.Lines(text) {
			if f := strings.Fields(line); f[0] == key+":" {
				n, err := strconv.Atoi(f[1])
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
		t.Fatalf("no %s", key)
		return 0
	}
	if n := value("Threads"); n != 1 {
		t.Errorf("%d threads", n)
	}
	rss := value("VmRSS")
	t.Logf("%d KiB resident", rss)
	if rss > 512 {
		t.Errorf("%d KiB resident", rss)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// It begins and ends within a few milliseconds.
func BenchmarkTrue(b *testing.B) {
	for range b.N {
		if err := exec.Command(binary, "--", "/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Millisecond)/float64(b.N), "ms/run")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
