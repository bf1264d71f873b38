package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/state"
)

// maxLog is the size beyond which a daemon's log is set aside when it starts.
const maxLog = 10 << 20

// launcher runs in the new process before the daemon does. It waits for a line
// on stdin: by then the process is recorded and in its own cgroup, and if the
// caller is killed first, stdin ends and nothing was started. It raises the
// limit of open files as far as root may, which the daemon's containers inherit.
const launcher = `IFS= read -r go || exit 1; umask 022; ulimit -n "$(ulimit -H -n)"; exec "$0" "$@" </dev/null`

// searchPath comes after the engine's own folder: containerd runs mkfs and
// friends, containers never see it.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// child is a daemon that this process has started.
type child struct {
	state.Process
	gone    chan struct{} // closed once it has ended
	logFrom int64         // where its output begins in the log file
}

// spawn starts the daemon detached: a session, a cgroup and a log of its own.
func spawn(l state.Layout, d daemon, env []string) (*child, error) {
	log, from, err := openLog(d.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if _, err := fmt.Fprintf(log, "time=%q level=info msg=\"nerd starts %s\"\n", time.Now().UTC().Format(time.RFC3339Nano), d.name); err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", launcher, d.program}, d.args()...)...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + BinDir(l) + ":" + searchPath}, env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	gate, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, gate.Close())
	}
	c := &child{gone: make(chan struct{}), logFrom: from}
	go func() {
		_ = cmd.Wait() // how it ended is in the log
		close(c.gone)
	}()
	c.Process, err = state.FindProcess(cmd.Process.Pid)
	if err == nil {
		err = state.WriteJSON(d.pidFile, c.Process)
	}
	if err == nil {
		joinCgroup(c.PID)
		_, err = io.WriteString(gate, "\n")
	}
	return c, errors.Join(err, gate.Close())
}

// openLog opens the log to append to, and tells where it ends.
func openLog(path string) (*os.File, int64, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// find is the running process of the daemon: the one in the pid file if it still
// is that one, else whichever runs with the daemon's configuration file.
func (d daemon) find() (state.Process, bool) {
	var p state.Process
	if err := state.ReadJSON(d.pidFile, &p); err == nil && p.Alive() {
		return p, true
	}
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return state.Process{}, false
	}
	tail := append([]byte{0}, bytes.Join([][]byte{[]byte(d.args()[0]), []byte(d.args()[1]), nil}, []byte{0})...)
	for _, file := range dirs {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.HasSuffix(line, tail) || !bytes.HasPrefix(line, []byte(d.program+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if p, err := state.FindProcess(pid); err == nil && p.Alive() {
			return p, true
		}
	}
	return state.Process{}, false
}

// stop ends the process, first asking, and waits until it is gone.
func stop(ctx context.Context, p state.Process) error {
	if err := sendSignal(p, unix.SIGTERM); err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	if waitGone(asked, p) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := sendSignal(p, unix.SIGKILL); err != nil {
		return err
	}
	killed, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !waitGone(killed, p) {
		return fmt.Errorf("process %d does not end, not even killed", p.PID)
	}
	return nil
}

// sendSignal reaches the process that p names or none: the descriptor is held while
// the start time is compared, so the number cannot change hands in between.
func sendSignal(p state.Process, sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.Alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal to process %d: %w", p.PID, err)
	}
	return nil
}

func waitGone(ctx context.Context, p state.Process) bool {
	for p.Alive() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}
