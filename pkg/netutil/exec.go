package netutil

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/state"
)

// systemPath is searched after the caller's PATH: a plugin looks for iptables,
// which is in sbin, and the PATH of an ordinary login does not have that.
const systemPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

// pluginExec runs plugins as processes. A plugin sees its own variables and
// PATH, nothing else of the caller's environment, and does not write to the
// terminal: what it says on stderr is part of its error if it fails.
//
// It runs in a process group of its own: ctrl-c in a terminal is for nerd, which
// then ends the whole group, not half a chain of iptables commands. And it
// inherits the container's lock, so if nerd is killed, what cleans up after it
// waits for the plugin to come to its end.
type pluginExec struct{ version.PluginDecoder }

func newPluginExec() invoke.Exec { return &pluginExec{} }

func (p *pluginExec) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin = pluginEnv(environ), bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	if l, ok := ctx.Value(lockKey{}).(*state.Lock); ok {
		cmd.ExtraFiles = []*os.File{l.File()}
	}
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var said types.Error // what the specification has a failing plugin print
	if json.Unmarshal(stdout.Bytes(), &said) == nil && said.Msg != "" {
		return nil, &said
	}
	return nil, fmt.Errorf("the CNI plugin %s failed: %w: %s", filepath.Base(path), err, bytes.TrimSpace(stderr.Bytes()))
}

// lockKey is under which a context carries the lock that plugins inherit.
type lockKey struct{}

func withLock(ctx context.Context, l *state.Lock) context.Context {
	return context.WithValue(ctx, lockKey{}, l)
}

func (p *pluginExec) FindInPath(plugin string, dirs []string) (string, error) {
	path, err := invoke.FindInPath(plugin, dirs)
	if err != nil {
		return "", &MissingPluginError{Plugin: plugin, Dirs: dirs}
	}
	return path, nil
}

func pluginEnv(environ []string) []string {
	path := systemPath
	var env []string
	for _, kv := range environ {
		switch key, value, _ := strings.Cut(kv, "="); {
		case key == "PATH" && value != "":
			path = value + ":" + systemPath
		case strings.HasPrefix(key, "CNI_"):
			env = append(env, kv)
		}
	}
	return append(env, "PATH="+path)
}

// MissingPluginError says that a CNI plugin is not installed.
type MissingPluginError struct {
	Plugin string
	Dirs   []string
}

func (e *MissingPluginError) Error() string {
	dirs := slices.Clone(e.Dirs)
	for i, d := range dirs {
		dirs[i] = filepath.Clean(d)
	}
	return "the CNI plugin " + e.Plugin + " is not in " + strings.Join(dirs, " or ") + ": build the engine with `make engine` or install the CNI plugins"
}

// cniMessage is what a plugin said, on one line.
func cniMessage(err error) string {
	var cni *types.Error
	msg := err.Error()
	if errors.As(err, &cni) {
		msg = cni.Msg
		if cni.Details != "" {
			msg += ": " + cni.Details
		}
	}
	return strings.Join(strings.Fields(msg), " ")
}
