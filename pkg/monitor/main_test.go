package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var monitorBinary, loggerBinary string

// TestMain builds nerd-monitor, unless this process is one of the tests' own
// containers.
func TestMain(m *testing.M) {
	if kind := os.Getenv("MONITOR_TEST_CONTAINER"); kind != "" {
		if err := container(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "monitor-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	monitorBinary, loggerBinary = filepath.Join(dir, "nerd-monitor"), filepath.Join(dir, "nerd-logger")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir, "github.com/nerd-cli/nerd/cmd/nerd-monitor", "github.com/nerd-cli/nerd/cmd/nerd-logger")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build nerd-monitor: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// container stands for a container and its shim, which holds both ends of the
// output FIFOs and of stdin. It waits for a line on its own stdin before it
// does what kind says.
func container(kind string) error {
	dir := os.Getenv("MONITOR_TEST_DIR")
	open := func(name string, mode int) (*os.File, error) {
		fd, err := syscall.Open(filepath.Join(dir, name), mode|syscall.O_CLOEXEC, 0)
		if errors.Is(err, syscall.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		return os.NewFile(uintptr(fd), name), nil
	}
	var files [6]*os.File
	for i, f := range []struct {
		name string
		mode int
	}{
		{StdoutName, os.O_WRONLY},
		{StdoutName, os.O_RDONLY | syscall.O_NONBLOCK},
		{StderrName, os.O_WRONLY},
		{StderrName, os.O_RDONLY | syscall.O_NONBLOCK},
		{StdinName, os.O_RDONLY | syscall.O_NONBLOCK},
		{StdinName, os.O_WRONLY | syscall.O_NONBLOCK},
	} {
		file, err := open(f.name, f.mode)
		if err != nil {
			return err
		}
		files[i] = file
	}
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	fmt.Println("ready")
	if _, err := io.ReadFull(os.Stdin, make([]byte, 1)); err != nil {
		return err
	}
	stdout, stderr, stdin := files[0], files[2], files[4]
	verb, arg, _ := strings.Cut(kind, " ")
	n, _ := strconv.Atoi(arg)
	switch verb {
	case "print":
		_, err := io.WriteString(stdout, arg)
		return err
	case "both":
		_, err1 := io.WriteString(stdout, "out\n")
		_, err2 := io.WriteString(stderr, "err\n")
		return errors.Join(err1, err2)
	case "count": // n numbered lines
		return count(stdout, n)
	case "flood": // numbered lines until stdin ends
		return flood(stdout, os.Stdin)
	case "slow": // n numbered lines in small writes
		for i := range n {
			if _, err := fmt.Fprintf(stdout, "%d\n", i); err != nil {
				return err
			}
			time.Sleep(100 * time.Microsecond)
		}
	case "sleep":
		time.Sleep(time.Duration(n) * time.Millisecond)
	case "cat":
		// The end of stdin is up to containerd's CloseIO: SIGUSR1 stands for it.
		go func() {
			<-usr1
			_ = files[5].Close()
		}()
		_, err := io.Copy(stdout, stdin)
		return err
	}
	return nil
}

func flood(w io.Writer, until io.Reader) error {
	var stop atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, until)
		stop.Store(true)
	}()
	var buf []byte
	for i := 0; !stop.Load(); i++ {
		buf = append(strconv.AppendInt(buf, int64(i), 10), '\n')
		if len(buf) > 8000 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return nil
}

func count(w io.Writer, n int) error {
	var buf []byte
	for i := range n {
		buf = append(strconv.AppendInt(buf, int64(i), 10), '\n')
		if len(buf) > 8000 || i == n-1 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return nil
}

// counted is what count writes.
func counted(n int) string {
	var b strings.Builder
	_ = count(&b, n)
	return b.String()
}

// fixture is one container under a monitor.
type fixture struct {
	t       *testing.T
	dir     string
	log     string
	calls   string // what the helper was called with
	cfg     Config
	client  *Client
	command *exec.Cmd
	start   io.WriteCloser
}

// helperScript records its call and ends as the file "status" says.
const helperScript = `#!/bin/sh
d=$(dirname "$0")
echo "$*" >> "$d/calls"
[ -f "$d/$2.sh" ] && . "$d/$2.sh"
exit 0
`

func newFixture(t *testing.T) *fixture {
	t.Helper()
	base := t.TempDir()
	// Longer than the address of a socket may be.
	dir := filepath.Join(base, strings.Repeat("d", 100), "run")
	helper := filepath.Join(base, "helper")
	if err := os.WriteFile(helper, []byte(helperScript), 0o700); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, dir: dir, log: filepath.Join(base, "log", "c1-json.log"), calls: filepath.Join(base, "calls")}
	f.cfg = Config{
		Binary:  monitorBinary,
		Logger:  loggerBinary,
		ID:      "c1",
		Dir:     dir,
		LogPath: f.log,
		MaxFile: 1,
		Helper:  []string{helper},
		Env:     []string{"PATH=" + os.Getenv("PATH")},
	}
	return f
}

// onVerb makes the helper run a script when it is called with verb.
func (f *fixture) onVerb(verb, script string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.calls), verb+".sh"), []byte(script), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) spawn() *Client {
	f.t.Helper()
	c, err := Spawn(f.t.Context(), f.cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.client = c
	f.t.Cleanup(func() { c.Close() })
	return c
}

// create starts the container's process; release lets it do its work.
func (f *fixture) create(kind string) int {
	f.t.Helper()
	f.command = exec.Command(os.Args[0])
	f.command.Env = append(os.Environ(), "MONITOR_TEST_CONTAINER="+kind, "MONITOR_TEST_DIR="+f.dir, "GORACE=atexit_sleep_ms=0")
	f.command.Stderr = os.Stderr
	out, err := f.command.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if f.start, err = f.command.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	if err := f.command.Start(); err != nil {
		f.t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = f.command.Process.Kill()
		_ = f.command.Wait()
	})
	return f.command.Process.Pid
}

func (f *fixture) release() {
	f.t.Helper()
	if _, err := f.start.Write([]byte("\n")); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) started(pid int) {
	f.t.Helper()
	if err := f.client.Started(f.t.Context(), pid); err != nil {
		f.t.Fatal(err)
	}
}

// dial connects another client.
func (f *fixture) dial() *Client {
	f.t.Helper()
	c, err := Dial(f.t.Context(), f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// helperCalls waits until the monitor has ended, which it must, and leaves
// nothing behind. It returns what the helper was called with.
func (f *fixture) helperCalls() string {
	f.t.Helper()
	f.eventually("the monitor ends", func() bool {
		_, err := os.Lstat(filepath.Join(f.dir, JournalName))
		return errors.Is(err, os.ErrNotExist)
	})
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		f.t.Errorf("the monitor left %s", e.Name())
	}
	f.eventually("the processes end", func() bool { return len(f.processes()) == 0 })
	return f.called()
}

func (f *fixture) called() string {
	b, err := os.ReadFile(f.calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	return string(b)
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("in vain: %s", what)
		}
	}
}

// processes maps the monitor's processes to their names, keeper included.
func (f *fixture) processes() map[int]string {
	found := map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !strings.Contains(string(cmdline), "\x00dir="+f.dir+"\x00") && !strings.Contains(string(cmdline), "\x00"+f.dir+"\x00") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		name, _ := os.ReadFile(filepath.Join(dir, "comm"))
		if stat, err := os.ReadFile(filepath.Join(dir, "stat")); err == nil && !strings.Contains(string(stat), ") Z ") {
			found[pid] = strings.TrimSpace(string(name))
		}
	}
	return found
}

// pidOf is the process of the monitor or the keeper.
func (f *fixture) pidOf(name string) int {
	for pid, n := range f.processes() {
		if n == name {
			return pid
		}
	}
	return 0
}

func timeout(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
