package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How hard TestStress tries, unless NERD_TEST_STRESS says "WORKERS DURATION",
// such as "64 2m".
const (
	stressWorkers  = 12
	stressDuration = 8 * time.Second
)

// expected are the answers that a command may get because another one was
// quicker; Docker gives the same. Anything else is a failure.
var expected = []string{
	`No such container: `,
	`(?i)conflict\. The container name "/?[^"]*" is already in use`,
	`container [^ ]* is not running`,
	`cannot remove container .*: container is running`,
	`cannot remove container .*: container is paused`,
	`removal of container [^ ]* is already in progress`,
	`is marked for removal`,
	`cannot exec in a stopped container`,
	`OCI runtime exec failed: exec failed: `,          // Docker's, of a container that ends meanwhile
	`unable to upgrade to tcp, received 40[49]`,       // Docker's, of one that is gone before it is attached to
	`No such exec instance: `,                         // the same
	`^Error: failed to rename container named [^ ]*$`, // Docker's second line
	`Renaming a container with the same name as its current name`,
}

// stress is the state that the workers of TestStress share.
type stress struct {
	*shell
	expected *regexp.Regexp
	names    []string
	mu       sync.Mutex
	count    map[string]int
	wrong    []string
}

// TestStress runs, stops, removes, renames and enters containers from many
// processes at once, which share a few names, and kills some of these processes.
// No command may fail otherwise than Docker's would, and in the end nothing may be
// left.
func TestStress(t *testing.T) {
	workers, duration := stressSize(t)
	s := &stress{
		shell: newShell(t, "stress"), count: map[string]int{},
		expected: regexp.MustCompile(strings.Join(expected, "|")),
	}
	for i := range workers/2 + 1 {
		s.names = append(s.names, fmt.Sprintf("%s-%d", s.name, i))
	}
	s.must("run", "--rm", s.img, "true")
	before := s.e.snapshot()
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d workers for %v, seed %d", workers, duration, seed)
	end := time.Now().Add(duration)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Now().Before(end) {
				s.step(random)
			}
		})
	}
	wg.Wait()
	t.Logf("commands: %v", s.count)
	for _, w := range s.wrong {
		t.Error(w)
	}
	for _, name := range s.names {
		if err := s.free(name); err != nil {
			t.Error(err)
		}
	}
	for _, id := range s.e.lines(s.vars, "ps", "-aq", "--filter", "name="+s.name) {
		t.Errorf("container %s has none of the names that were given", id)
	}
	if s.e.target == "nerd" {
		s.must("system", "repair")
	}
	if left := s.e.leaks(before); len(left) > 0 {
		t.Errorf("left behind:\n    %s", strings.Join(left, "\n    "))
	}
}

func stressSize(t *testing.T) (int, time.Duration) {
	t.Helper()
	text := os.Getenv("NERD_TEST_STRESS")
	if text == "" {
		return stressWorkers, stressDuration
	}
	count, length, _ := strings.Cut(text, " ")
	workers, err := strconv.Atoi(count)
	duration, derr := time.ParseDuration(length)
	if err := errors.Join(err, derr); err != nil || workers < 1 {
		t.Fatalf("NERD_TEST_STRESS=%q is not like \"64 2m\": %v", text, err)
	}
	return workers, duration
}

// step runs one command, and kills one in ten.
func (s *stress) step(random *rand.Rand) {
	args := s.command(random)
	cmd := s.shell.nerd(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.fail("%v: %v", args, err)
		return
	}
	killed := random.IntN(10) == 0
	if killed {
		timer := time.AfterFunc(time.Duration(random.IntN(200))*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer timer.Stop()
	}
	err := cmd.Wait()
	s.mu.Lock()
	s.count[args[0]]++
	s.mu.Unlock()
	if err == nil || killed || s.excused(args[0], err, out.String()) {
		return
	}
	s.fail("%v: %v: %s", args, err, out.String())
}

// excused tells whether a failure is the doing of another worker. A foreground
// command whose container is killed or stopped has the status of the signal.
func (s *stress) excused(verb string, err error, out string) bool {
	var exit *exec.ExitError
	if errors.As(err, &exit) && (verb == "run" || verb == "exec") && (exit.ExitCode() == 137 || exit.ExitCode() == 143) && strings.TrimSpace(out) == "" {
		return true
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.Contains(line, "rror") && !s.expected.MatchString(line) {
			return false
		}
	}
	return s.expected.MatchString(out)
}

// command draws what to do next, and to which container.
func (s *stress) command(random *rand.Rand) []string {
	name := func() string { return s.names[random.IntN(len(s.names))] }
	switch random.IntN(9) {
	case 0:
		return []string{"run", "-d", "--name", name(), s.img, "sleep", "1000"}
	case 1:
		return []string{"run", "-d", "--rm", "--name", name(), s.img, "sleep", "0.2"}
	case 2:
		return []string{"run", "--rm", "--name", name(), s.img, "true"}
	case 3:
		return []string{"run", "--rm", "--network", "none", "--name", name(), s.img, "sleep", "0.1"}
	case 4:
		return []string{"stop", "-t", "0", name()}
	case 5:
		return []string{"rm", "-f", name()}
	case 6:
		return []string{"rm", name()}
	case 7:
		return []string{"rename", name(), name()}
	default:
		return []string{"exec", name(), "true"}
	}
}

func (s *stress) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) < 20 {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
