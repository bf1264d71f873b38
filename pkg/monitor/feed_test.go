package monitor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs"
	"github.com/nerd-cli/nerd/pkg/logs/driver"
	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// logServer is a syslog server that counts how often each numbered line comes.
type logServer struct {
	net.Listener
	mu   sync.Mutex
	seen map[int]int
	gate chan struct{} // nil, or closed when the server may read
}

func newLogServer(t *testing.T) *logServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &logServer{Listener: l, seen: map[int]int{}}
	t.Cleanup(func() { _ = l.Close() })
	return s
}

func (s *logServer) serve() {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if s.gate != nil {
				<-s.gate
			}
			in := bufio.NewReader(c)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])); err == nil {
					s.mu.Lock()
					s.seen[n]++
					s.mu.Unlock()
				}
			}
		}()
	}
}

// missing counts the numbers below n that have not come, and those that have come
// more than once.
func (s *logServer) missing(n int) (missing, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		switch s.seen[i] {
		case 0:
			missing++
		case 1:
		default:
			again += s.seen[i] - 1
		}
	}
	return missing, again
}

func (s *logServer) config(t *testing.T) []byte {
	t.Helper()
	remote, err := json.Marshal(driver.Remote{Driver: driver.Syslog, Info: driver.Info{
		ContainerID: "c1", Config: map[string]string{"syslog-address": "tcp://" + s.Addr().String()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// run runs a container to its end, doing during on the way.
func (f *fixture) run(kind string, during func()) {
	f.t.Helper()
	c := f.spawn()
	f.started(f.create(kind))
	f.release()
	if during != nil {
		during()
	}
	if err := c.Watch(timeout(f.t, 60*time.Second)); err != nil {
		f.t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		f.t.Fatal(err)
	}
	if calls := f.helperCalls(); calls != "internal exited c1\n" {
		f.t.Errorf("the helper was called: %q", calls)
	}
}

// TestRemoteLosesNothing kills nerd-logger and the monitor while lines are sent.
// Each line arrives; what was under way at a kill may arrive twice. The local copy
// has each exactly once.
func TestRemoteLosesNothing(t *testing.T) {
	const lines = 6000
	s := newLogServer(t)
	go s.serve()
	f := newFixture(t)
	f.cfg.Remote, f.cfg.LogLines = s.config(t), true
	kills := 0
	f.run(fmt.Sprintf("slow %d", lines), func() {
		for range 20 {
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
			if f.kill([]string{"nerd-logger", "nerd-monitor"}[kills%2]) {
				kills++
			}
		}
	})
	f.eventually("the server reads it all", func() bool { missing, _ := s.missing(lines); return missing == 0 })
	_, again := s.missing(lines)
	t.Logf("%d kills, %d lines came twice", kills, again)
	compare(t, "local copy", f.readLines(), counted(lines))
}

// readLines is the text of the log, which is in lines.
func (f *fixture) readLines() string {
	f.t.Helper()
	var b strings.Builder
	done := make(chan struct{})
	close(done)
	err := logs.Read(f.t.Context(), f.log, logs.Options{Lines: true, Tail: -1, Emit: func(e logs.Entry) error {
		b.Write(e.Log)
		return nil
	}}, done)
	if err != nil {
		f.t.Error(err)
	}
	return b.String()
}

// TestRemoteBlocks: a server that takes nothing for a while holds the container back,
// and everything arrives when it goes on.
func TestRemoteBlocks(t *testing.T) {
	const lines = 100_000
	s := newLogServer(t)
	s.gate = make(chan struct{})
	go s.serve()
	f := newFixture(t)
	f.cfg.Remote, f.cfg.LogPath = s.config(t), ""
	f.run(fmt.Sprintf("count %d", lines), func() {
		time.Sleep(300 * time.Millisecond)
		close(s.gate)
	})
	f.eventually("the server reads it all", func() bool { missing, _ := s.missing(lines); return missing == 0 })
	if _, again := s.missing(lines); again > 0 {
		t.Errorf("%d lines came twice", again)
	}
}

// TestNonBlocking: neither a server nor a file that takes nothing holds up a
// container that must not wait. What is lost is whole lines, and it is counted.
func TestNonBlocking(t *testing.T) {
	const lines = 1_000_000
	for _, kind := range []string{"server", "file"} {
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t)
			f.cfg.Buffer = 1 << 20
			if kind == "server" {
				s := newLogServer(t)
				s.gate = make(chan struct{})
				go s.serve()
				t.Cleanup(func() {
					close(s.gate)
					f.eventually("the processes end", func() bool { return len(f.processes()) == 0 })
				})
				f.cfg.Remote, f.cfg.LogPath = s.config(t), ""
			}
			c := f.spawn()
			pid := f.create(fmt.Sprintf("count %d", lines))
			writer := 0
			if kind == "file" {
				f.eventually("the writer runs", func() bool { writer = f.pidOf("nerd-logwriter"); return writer != 0 })
				if err := syscall.Kill(writer, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			f.started(pid)
			begin := time.Now()
			f.release()
			if _, err := f.command.Process.Wait(); err != nil {
				t.Fatal(err)
			}
			t.Logf("the container took %s", time.Since(begin))
			if kind == "server" {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				return // its end waits for the server as long as Docker does
			}
			if err := syscall.Kill(writer, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if err := c.Watch(timeout(t, 60*time.Second)); err != nil {
				t.Fatal(err)
			}
			checkGaps(t, f.logged("stdout"), lines)
			said, err := os.ReadFile(filepath.Join(f.dir, wire.LoggerLog))
			if err != nil || !strings.Contains(string(said), "lines of output were not taken by the log file") {
				t.Errorf("the loss was not counted: %q, %v", said, err)
			}
		})
	}
}

// checkGaps wants numbered lines in order, the last ones among them.
func checkGaps(t *testing.T, text string, n int) {
	t.Helper()
	last, gaps, count := -1, 0, 0
	for line := range strings.Lines(text) {
		i, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil || i <= last {
			t.Fatalf("%q after %d", line, last)
		}
		if i != last+1 {
			gaps++
		}
		last = i
		count++
	}
	if last != n-1 || gaps == 0 || count < 1000 {
		t.Errorf("the last line is %d, with %d gaps and %d lines", last, gaps, count)
	}
}

// TestKilledWriter kills the process that writes the file of a container that must
// not wait, and the monitor: as long as the buffer suffices, each line is there
// exactly once.
func TestKilledWriter(t *testing.T) {
	const lines = 6000
	f := newFixture(t)
	f.cfg.Buffer = 8 << 20
	f.cfg.MaxSize, f.cfg.MaxFile = 100_000, 100
	kills := 0
	f.run(fmt.Sprintf("slow %d", lines), func() {
		for range 40 {
			time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
			if f.kill([]string{"nerd-logwriter", "nerd-logwriter", "nerd-monitor"}[kills%3]) {
				kills++
			}
		}
	})
	t.Logf("%d kills", kills)
	compare(t, "log", f.logged("stdout"), counted(lines))
}

// TestCompressed: rotated files are compressed while more are made, and all lines
// are read back, also by a follower.
func TestCompressed(t *testing.T) {
	const lines = 300_000
	for _, format := range []bool{false, true} {
		f := newFixture(t)
		f.cfg.LogLines, f.cfg.Compress, f.cfg.MaxSize, f.cfg.MaxFile = format, true, 1_000_000, 100
		if err := os.MkdirAll(filepath.Dir(f.log), 0o700); err != nil {
			t.Fatal(err)
		}
		done, result := make(chan struct{}), make(chan error, 1)
		var followed strings.Builder
		go func() {
			result <- logs.Read(t.Context(), f.log, logs.Options{Lines: format, Tail: -1, Follow: true, Emit: func(e logs.Entry) error {
				followed.Write(e.Log)
				return nil
			}}, done)
		}()
		f.run(fmt.Sprintf("count %d", lines), nil)
		close(done)
		f.eventually("the files are compressed", func() bool {
			plain, _ := filepath.Glob(f.log + ".[0-9]*[0-9]")
			packed, _ := filepath.Glob(f.log + ".*.gz")
			return len(plain) == 0 && len(packed) > 3
		})
		if err := <-result; err != nil {
			t.Error(err)
		}
		want := counted(lines)
		compare(t, "follower", followed.String(), want)
		if format {
			compare(t, "log", f.readLines(), want)
		} else {
			compare(t, "log", f.logged("stdout"), want)
		}
	}
}
