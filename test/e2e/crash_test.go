package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a namespace of its own for a test that is no script.
type shell struct {
	*testing.T
	e    *environment
	name string
	img  string
	vars []string
}

// newShell loads busybox into a namespace of the test's own. What the test
// leaves there is removed at its end.
func newShell(t *testing.T, name string) *shell {
	t.Helper()
	s := &shell{T: t, e: suite, name: suite.namespace(name)}
	s.vars = append(os.Environ(), "NERD_NAMESPACE="+s.name)
	var err error
	if s.img, err = suite.load(s.vars, s.name, "busybox"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { suite.sweep(s.vars, s.name) })
	return s
}

// nerd prepares a run of the target.
func (s *shell) nerd(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), s.e.bin, args...)
	cmd.Env = s.vars
	return cmd
}

// must runs the target, which has to succeed, and returns its output.
func (s *shell) must(args ...string) string {
	s.Helper()
	out, err := s.nerd(args...).CombinedOutput()
	if err != nil {
		s.Fatalf("%s %s: %v\n%s", s.e.target, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestKilledRun kills run at random moments. The name and the port of each are
// taken by the next, and in the end nothing may be left.
func TestKilledRun(t *testing.T) {
	s := newShell(t, "killedrun")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	full := s.duration(port)
	before := s.e.snapshot()
	name := s.name + "-k"
	for i := range 40 {
		args := []string{"run", "--name", name, "-p", "127.0.0.1:" + port + ":80"}
		if i%2 == 0 {
			args = append(args, "--rm")
		}
		if i%4 >= 2 {
			args = append(args, "-d")
		}
		cmd := s.nerd(append(args, s.img, "sleep", "0.05")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		moment := time.Duration(random.Int64N(int64(full)))
		timer := time.AfterFunc(moment, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		_ = cmd.Wait() // killed, or done before that
		timer.Stop()
		if err := s.free(name); err != nil {
			t.Fatalf("rm -f after a kill at %v of %v: %v", moment, args, err)
		}
	}
	if s.e.target == "nerd" {
		s.must("system", "repair")
	}
	s.must("run", "--rm", "--name", name, "-p", "127.0.0.1:"+port+":80", s.img, "true")
	if left := s.e.leaks(before); len(left) > 0 {
		t.Errorf("left behind:\n    %s", strings.Join(left, "\n    "))
	}
}

// free removes a container, whatever state a kill has left it in. Docker may
// say for a while that it is at it already; nerd waits by itself.
func (s *shell) free(name string) error {
	limit := time.Duration(0)
	if s.e.target == "docker" {
		limit = patience
	}
	return poll(limit, func() error {
		out, err := s.nerd("rm", "-f", name).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

// duration is how long the run takes that is killed.
func (s *shell) duration(port string) time.Duration {
	s.Helper()
	s.must("run", "--rm", s.img, "true")
	start := time.Now()
	s.must("run", "--rm", "-p", "127.0.0.1:"+port+":80", s.img, "sleep", "0.05")
	return time.Since(start)
}
