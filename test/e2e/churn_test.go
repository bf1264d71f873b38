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
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// How much TestNetworkChurn does, unless NERD_TEST_CHURN says "STEPS WORKERS",
// such as "2000 16".
const (
	churnSteps    = 80
	churnWorkers  = 4
	churnNetworks = 5
)

// churnExpected are the answers that a command may get because another one was
// quicker.
var churnExpected = append([]string{
	`already exists in network`,
	`is not connected to network`,
	`is marked for removal`,
	`container [0-9a-f]+ is not running`,
	`has no network namespace`,
}, expected...)

// TestNetworkChurn starts, stops, connects, disconnects and removes containers on
// five networks, one of them with IPv6 and one internal, from several processes at
// once, and kills some of these at random moments. In the end nothing may be left:
// by nerd's own account, and by the kernel's lists.
func TestNetworkChurn(t *testing.T) {
	if suite.target != "nerd" {
		t.Skip("it counts what nerd leaves")
	}
	steps, workers := churnSize(t)
	s := newShell(t, "churn")
	s.must("run", "--rm", s.img, "true")
	before := s.e.snapshot()
	var networks, names []string
	for i := range churnNetworks {
		networks = append(networks, fmt.Sprintf("%s-%d", s.name, i))
	}
	s.must("network", "create", "--ipv6", networks[0])
	s.must("network", "create", "--internal", networks[1])
	for _, n := range networks[2:] {
		s.must("network", "create", n)
	}
	for i := range 2 * workers {
		names = append(names, fmt.Sprintf("%s-c%d", s.name, i))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d steps by %d workers, seed %d", steps, workers, seed)
	c := &churn{shell: s, networks: networks, names: names, expected: regexp.MustCompile(strings.Join(churnExpected, "|"))}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for c.done.Add(1) <= int64(steps) {
				c.step(random)
			}
		})
	}
	wg.Wait()
	for _, w := range c.wrong {
		t.Error(w)
	}
	s.must(append([]string{"rm", "-f"}, names...)...)
	s.must("system", "repair")
	s.must(append([]string{"network", "rm"}, networks...)...)
	if out := s.must("system", "repair", "--dry-run"); strings.Contains(out, s.name) {
		t.Errorf("repair finds:\n%s", out)
	}
	if left := s.e.leaks(before); len(left) > 0 {
		t.Errorf("left behind:\n    %s", strings.Join(left, "\n    "))
	}
}

func churnSize(t *testing.T) (steps, workers int) {
	t.Helper()
	text := os.Getenv("NERD_TEST_CHURN")
	if text == "" {
		return churnSteps, churnWorkers
	}
	first, second, _ := strings.Cut(text, " ")
	steps, err := strconv.Atoi(first)
	workers, werr := strconv.Atoi(second)
	if err := errors.Join(err, werr); err != nil || workers < 1 {
		t.Fatalf("NERD_TEST_CHURN=%q is not like \"2000 16\": %v", text, err)
	}
	return steps, workers
}

// churn is what the workers of TestNetworkChurn share.
type churn struct {
	*shell
	networks, names []string
	expected        *regexp.Regexp
	done            atomic.Int64
	mu              sync.Mutex
	wrong           []string
}

// step runs one command, and kills one in eight.
func (c *churn) step(random *rand.Rand) {
	args := c.draw(random)
	cmd := c.nerd(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.Error(err)
		return
	}
	killed := random.IntN(8) == 0
	if killed {
		timer := time.AfterFunc(time.Duration(random.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer timer.Stop()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err == nil || killed && errors.As(err, &exit) || c.expected.MatchString(out.String()) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf("%v: %v: %s", args, err, out.String()))
}

func (c *churn) draw(random *rand.Rand) []string {
	one := func(list []string) string { return list[random.IntN(len(list))] }
	switch random.IntN(8) {
	case 0, 1:
		return []string{"run", "-d", "--name", one(c.names), "--network", one(c.networks), "--network-alias", "svc", c.img, "sleep", "1000"}
	case 2:
		return []string{"run", "--rm", "--network", one(c.networks), c.img, "nslookup", "localhost"}
	case 3, 4:
		return []string{"network", "connect", one(c.networks), one(c.names)}
	case 5:
		return []string{"network", "disconnect", one(c.networks), one(c.names)}
	case 6:
		return []string{"restart", "-t", "0", one(c.names)}
	default:
		return []string{"rm", "-f", one(c.names)}
	}
}
