package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPTY runs a program on a pseudo-terminal as the lines of a file say:
//
//	expect REGEXP   waits until what came since the last match matches
//	absent REGEXP   wants no match in what came since the last match
//	send TEXT       types it; Go's escapes, so \r is the enter key and \x10 ctrl-p
//	size ROWSxCOLS  resizes the terminal
//	signal NAME     sends KILL, TERM, INT or HUP to the program
//	exit CODE       waits until it has ended with this code
//
// All that the terminal showed is stdout afterwards.
func (e *environment) cmdPTY(ts *testscript.TestScript, neg bool, args []string) {
	size := "24x80"
	if len(args) > 2 && args[0] == "-size" {
		size, args = args[1], args[2:]
	}
	need(ts, !neg && len(args) >= 2, "pty [-size ROWSxCOLS] FILE PROGRAM ARGS...")
	ws, err := parseSize(size)
	ts.Check(err)
	cmd := e.program(ts, args[1], args[2:]...)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	f, err := pty.StartWithSize(cmd, ws)
	ts.Check(err)
	t := newTerminal(cmd, f)
	err = t.play(ts.ReadFile(args[0]))
	t.close()
	_, werr := io.WriteString(ts.Stdout(), t.text())
	ts.Check(werr)
	if err != nil {
		ts.Fatalf("%v; the terminal shows:\n%s", err, t.text())
	}
}

// terminal is a program on a pseudo-terminal.
type terminal struct {
	cmd  *exec.Cmd
	file *os.File
	done chan struct{} // closed when the program has ended
	read chan struct{} // closed when all output was read

	mu    sync.Mutex
	all   bytes.Buffer
	start int // where the next expect looks
}

func newTerminal(cmd *exec.Cmd, file *os.File) *terminal {
	t := &terminal{cmd: cmd, file: file, done: make(chan struct{}), read: make(chan struct{})}
	go func() {
		defer close(t.done)
		_ = cmd.Wait() // the state says how it ended
	}()
	go func() {
		defer close(t.read)
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			t.mu.Lock()
			t.all.Write(buf[:n])
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return t
}

// close ends a program that still runs.
func (t *terminal) close() {
	select {
	case <-t.done:
	default:
		_ = t.cmd.Process.Kill() // it may have ended just now
		<-t.done
	}
	_ = t.file.Close()
	<-t.read
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// play follows the lines of a script.
func (t *terminal) play(script string) error {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verb, arg, _ := strings.Cut(line, " ")
		if err := t.step(verb, arg); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

func (t *terminal) step(verb, arg string) error {
	switch verb {
	case "expect":
		return t.expect(arg, true)
	case "absent":
		return t.expect(arg, false)
	case "send":
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		if err != nil {
			return err
		}
		_, err = io.WriteString(t.file, text)
		return err
	case "size":
		ws, err := parseSize(arg)
		if err != nil {
			return err
		}
		return pty.Setsize(t.file, ws)
	case "signal":
		sig, ok := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP}[arg]
		if !ok {
			return errors.New("unknown signal")
		}
		return t.cmd.Process.Signal(sig)
	case "exit":
		return t.exit(arg)
	}
	return errors.New("unknown verb")
}

// expect looks at what came since the last match.
func (t *terminal) expect(expr string, want bool) error {
	re, err := regexp.Compile(expr)
	if err != nil {
		return err
	}
	look := func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		at := re.FindIndex(t.all.Bytes()[t.start:])
		if (at != nil) != want {
			return errors.New("not as expected")
		}
		if at != nil {
			t.start += at[1]
		}
		return nil
	}
	if !want {
		return look()
	}
	return poll(patience, look)
}

// exit waits for the program's end.
func (t *terminal) exit(code string) error {
	select {
	case <-t.done:
	case <-time.After(patience):
		return errors.New("it still runs")
	}
	state := t.cmd.ProcessState
	got := state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		got = 128 + int(ws.Signal())
	}
	if fmt.Sprint(got) != code {
		return fmt.Errorf("exit code %d", got)
	}
	return nil
}

func parseSize(text string) (*pty.Winsize, error) {
	ws := &pty.Winsize{}
	if _, err := fmt.Sscanf(text, "%dx%d", &ws.Rows, &ws.Cols); err != nil {
		return nil, fmt.Errorf("size %q is not ROWSxCOLS: %w", text, err)
	}
	return ws, nil
}
