package monitor

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// guarding is a helper that acts as AwaitGuarded does, in shell: it writes down
// what it was called with once the line ends without a word.
func guarding(t *testing.T) (helper []string, called string) {
	t.Helper()
	dir := t.TempDir()
	called = filepath.Join(dir, "called")
	script := filepath.Join(dir, "helper")
	text := "#!/bin/sh\nread -r word || [ -n \"$word\" ] && [ \"$word\" = d ] && exit 0\necho \"$@\" $ENVIRONMENT >" + called + ".new && mv " + called + ".new " + called + "\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{script, "--flag"}, called
}

func TestGuardIsDismissed(t *testing.T) {
	helper, called := guarding(t)
	g, err := NewGuard(helper, nil, "thaw", "c1")
	if err != nil {
		t.Fatal(err)
	}
	pid := g.cmd.Process.Pid
	if err := g.Dismiss(); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 0 {
		t.Errorf("the guard ended with %d, %v", status.ExitStatus(), err)
	}
	if _, err := os.Stat(called); err == nil {
		t.Error("the guard acted all the same")
	}
}

// The guard acts once the process that made it is gone, even if by SIGKILL.
func TestGuardActs(t *testing.T) {
	helper, called := guarding(t)
	if os.Getenv("MONITOR_TEST_GUARD") != "" {
		if _, err := NewGuard([]string{os.Getenv("MONITOR_TEST_GUARD"), "--flag"}, []string{"ENVIRONMENT=own", "PATH=/usr/bin:/bin"}, "thaw", "c1"); err != nil {
			t.Fatal(err)
		}
		_ = os.Stdout.Sync()
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(time.Minute)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGuardActs$")
	cmd.Env = append(os.Environ(), "MONITOR_TEST_GUARD="+helper[0])
	if err := cmd.Run(); err == nil {
		t.Fatal("the process was not killed")
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(called)
		if err == nil {
			if got := string(data); got != "--flag internal thaw c1 own\n" {
				t.Errorf("called with %q", got)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("the guard did not act")
		}
	}
}

func TestNoGuardWithoutHelper(t *testing.T) {
	for _, helper := range [][]string{nil, {"/nonexistent/helper"}} {
		if _, err := NewGuard(helper, nil, "thaw", "c1"); err == nil {
			t.Errorf("%q was taken", helper)
		}
	}
}
