package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Spawn starts a monitor and returns a client that is connected to it. When it
// returns, the FIFOs exist and the monitor has them open. Unless Config.PID is
// set, it waits up to ten seconds for the monitor of the container's last run
// to end. If another monitor serves the container, the error is ErrBusy.
func Spawn(ctx context.Context, cfg Config) (*Client, error) {
	args, err := cfg.args()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	if cfg.LogPath != "" {
		if err := os.MkdirAll(filepath.Dir(cfg.LogPath), 0o700); err != nil {
			return nil, err
		}
	}
	if len(cfg.Attrs) > 0 {
		if err := state.WriteJSON(filepath.Join(cfg.Dir, wire.AttrsName), cfg.Attrs); err != nil {
			return nil, err
		}
	}
	if len(cfg.Remote) > 0 {
		if err := state.WriteFile(filepath.Join(cfg.Dir, wire.LoggerConfig), cfg.Remote, 0o600); err != nil {
			return nil, err
		}
	}
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	err = launch(ctx, cfg, args, theirs)
	err = errors.Join(err, theirs.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", cfg.Binary, err), conn.Close())
	}
	c := newClient(ctx, cfg.Dir, conn)
	if err := c.awaitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the monitor of container %s: %w", cfg.ID, err), c.Close())
	}
	return c, nil
}

// Respawn starts a monitor again for a container that runs without one; cfg.PID
// is its process. It goes on where the last monitor was killed. If one is there
// after all, the client is connected to that.
func Respawn(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.PID <= 0 {
		return nil, fmt.Errorf("start a monitor for container %s: its process is not known", cfg.ID)
	}
	c, err := Spawn(ctx, cfg)
	if errors.Is(err, ErrBusy) {
		return Dial(ctx, cfg.Dir)
	}
	return c, err
}

// launch runs the monitor's first stage, which leaves the monitor to init.
func launch(ctx context.Context, cfg Config, args []string, client *os.File) error {
	cmd := exec.CommandContext(ctx, cfg.Binary, args...)
	cmd.Args[0] = "nerd-monitor"
	cmd.Dir = "/"
	// A small heap is enough, and preemption by signals would only interrupt
	// system calls.
	cmd.Env = append([]string{"GOGC=10", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1"}, cfg.Env...)
	cmd.ExtraFiles = append([]*os.File{client}, cfg.Ports...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Run()
}

// args is the monitor's argv without its name.
func (cfg Config) args() ([]string, error) {
	if cfg.ID == "" || !filepath.IsAbs(cfg.Dir) || cfg.LogPath != "" && !filepath.IsAbs(cfg.LogPath) {
		return nil, fmt.Errorf("start a monitor: container %q needs absolute paths, not %q and %q", cfg.ID, cfg.Dir, cfg.LogPath)
	}
	args := []string{
		"mode=spawn",
		"id=" + cfg.ID,
		"dir=" + filepath.Clean(cfg.Dir),
		"tty=" + flag(cfg.TTY),
		"stdin=" + flag(cfg.OpenStdin),
		"once=" + flag(cfg.StdinOnce),
		"log=" + cfg.LogPath,
		"max-size=" + strconv.FormatInt(max(cfg.MaxSize, 0), 10),
		"max-file=" + strconv.Itoa(max(cfg.MaxFile, 1)),
		"format=" + cfg.format(),
		"compress=" + flag(cfg.Compress),
		"logger=" + cfg.Logger,
		"remote=" + flag(len(cfg.Remote) > 0),
		"drop=" + flag(cfg.Buffer > 0),
		"buffer=" + strconv.FormatInt(max(cfg.Buffer, 0), 10),
		"pid=" + strconv.Itoa(cfg.PID),
		"ports=" + strconv.Itoa(len(cfg.Ports)),
	}
	if cfg.Health > 0 {
		args = append(args, "health="+strconv.FormatInt(milliseconds(cfg.Health), 10))
	}
	if len(cfg.Attrs) > 0 {
		args = append(args, "attrs=1")
	}
	args = append(append(args, "--"), cfg.Helper...)
	size := 0
	for _, arg := range args {
		size += len(arg) + 1
	}
	if size > maxArgs {
		return nil, fmt.Errorf("start the monitor of container %s: its configuration is longer than %d bytes", cfg.ID, maxArgs)
	}
	return args, nil
}

// maxArgs is what the monitor reads of its command line.
const maxArgs = 1<<20 - 64

func (cfg Config) format() string {
	if cfg.LogLines {
		return "lines"
	}
	return "json"
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// socketPair is a connection and its other end as a file to be inherited.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "monitor")
	theirs := os.NewFile(uintptr(fds[1]), "monitor client")
	conn, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}
