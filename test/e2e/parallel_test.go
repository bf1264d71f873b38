package e2e

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"testing"
)

// TestParallelRuns runs 32 containers at once. Each tells its address and then
// waits for the end of its input, so that all of them are there together.
func TestParallelRuns(t *testing.T) {
	const count = 32
	s := newShell(t, "parallel")
	before := s.e.snapshot()
	var ends []io.Closer
	addrs := make(chan string, count)
	var running sync.WaitGroup
	for range count {
		cmd := s.nerd("run", "-i", "--rm", s.img, "sh", "-c", "ip -o -4 addr show eth0; cat")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, stdin)
		running.Go(func() {
			out := bufio.NewReader(stdout)
			line, err := out.ReadString('\n')
			if err != nil {
				t.Errorf("no address: %v", err)
			}
			addrs <- line
			if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
				t.Errorf("unexpected output %q, %v", rest, err)
			}
			if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
				t.Errorf("%v: %s", err, stderr.String())
			}
		})
	}
	seen := map[string]bool{}
	for range count {
		// 2: eth0    inet 10.1.2.3/16 brd ...
		_, rest, _ := strings.Cut(<-addrs, "inet ")
		addr, _, _ := strings.Cut(rest, "/")
		if addr == "" || seen[addr] {
			t.Errorf("address %q is missing or was given twice", addr)
		}
		seen[addr] = true
	}
	for _, end := range ends {
		_ = end.Close() // a container that failed closed it before
	}
	running.Wait()
	if left := s.e.leaks(before); len(left) > 0 {
		t.Errorf("left behind:\n    %s", strings.Join(left, "\n    "))
	}
}
