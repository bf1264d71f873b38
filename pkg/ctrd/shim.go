package ctrd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Shim is a running shim process of a container.
type Shim struct {
	PID     int
	ID      string // of the container
	Bundle  string // its folder
	Address string // of the containerd that it belongs to
	exe     string
	env     []string
	args    []string
}

// Shims lists the shims that serve the namespace, from /proc: containerd forgets
// a shim whose creation was cut off by the death of its client, and then only
// the process itself tells of it.
func (c *Client) Shims() ([]Shim, error) { return shims(c.cfg.Namespace) }

// shims lists those of a namespace; empty: of all.
func shims(namespace string) ([]Shim, error) {
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var out []Shim
	for _, path := range procs {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
		if !strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") || namespace != "" && argument(args, "-namespace") != namespace || argument(args, "-id") == "" {
			continue
		}
		if s, err := readShim(filepath.Dir(path), args); err == nil {
			out = append(out, s)
		}
	}
	return out, nil
}

func argument(args []string, name string) string {
	for i, a := range args[:len(args)-1] {
		if a == name {
			return args[i+1]
		}
	}
	return ""
}

func readShim(proc string, args []string) (Shim, error) {
	pid, err1 := strconv.Atoi(filepath.Base(proc))
	exe, err2 := os.Readlink(filepath.Join(proc, "exe"))
	bundle, err3 := os.Readlink(filepath.Join(proc, "cwd"))
	env, err4 := os.ReadFile(filepath.Join(proc, "environ"))
	s := Shim{PID: pid, ID: argument(args, "-id"), Address: argument(args, "-address"), Bundle: bundle, exe: exe, args: args}
	for _, kv := range bytes.Split(env, []byte{0}) {
		if len(kv) > 0 {
			s.env = append(s.env, string(kv))
		}
	}
	return s, errors.Join(err1, err2, err3, err4)
}

// deleted is how the kernel marks the path of a folder that is gone.
const deleted = " (deleted)"

// deleteByID ends a shim whose folder containerd has removed already, and what it had
// started: the runtime has to be asked by the container's id alone.
func (s Shim) deleteByID(ctx context.Context) error {
	root := filepath.Join("/run/containerd/runc", argument(s.args, "-namespace"))
	err := s.Kill()
	if _, serr := os.Stat(filepath.Join(root, s.ID)); serr != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/usr/bin/env", "runc", "--root", root, "delete", "--force", s.ID)
	cmd.Env = s.env
	out, rerr := cmd.CombinedOutput()
	if rerr != nil {
		rerr = fmt.Errorf("deleting container %s: %w: %s", s.ID, rerr, lastLine(string(out)))
	}
	return errors.Join(err, rerr)
}

// Kill kills the shim and what it has started. containerd sees it and takes away
// what is left.
func (s Shim) Kill() error {
	return errors.Join(s.KillChildren(), killProcess(s.PID)) // without it they would have another parent
}

// KillChildren kills what the shim has started: the first process of the
// container, commands in it, and runtimes at work on it. One that hangs keeps the
// whole container from ending.
func (s Shim) KillChildren() error {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	var failed error
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// PID (NAME) STATE PPID ...; the name may hold anything, parentheses too.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(s.PID) {
			failed = errors.Join(failed, killProcess(pid))
		}
	}
	return failed
}

func killProcess(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// Remove ends a shim that containerd does not know, with its container: the
// shim's own delete action takes the container and its mounts away.
func (s Shim) Remove(ctx context.Context) error {
	if strings.HasSuffix(s.Bundle, deleted) {
		return s.deleteByID(ctx)
	}
	if filepath.Base(s.Bundle) != s.ID {
		return fmt.Errorf("shim %d does not run in the folder of container %s", s.PID, s.ID)
	}
	args := []string{"-namespace", argument(s.args, "-namespace"), "-id", s.ID, "-bundle", s.Bundle}
	if addr := argument(s.args, "-address"); addr != "" {
		args = append(args, "-address", addr)
	}
	cmd := exec.CommandContext(ctx, s.exe, append(args, "delete")...)
	cmd.Dir, cmd.Env = s.Bundle, s.env
	out, err := cmd.CombinedOutput()
	if _, gone := os.Stat(s.Bundle); gone != nil { // containerd was faster
		return s.deleteByID(ctx)
	}
	if err != nil {
		err = fmt.Errorf("deleting the container of shim %d: %w: %s", s.PID, err, lastLine(string(out)))
	}
	err = errors.Join(err, s.Kill())
	// What could not be unmounted must not be removed through.
	if uerr := unix.Unmount(filepath.Join(s.Bundle, "rootfs"), unix.MNT_DETACH); uerr != nil && !errors.Is(uerr, unix.EINVAL) && !errors.Is(uerr, unix.ENOENT) {
		return errors.Join(err, uerr)
	}
	return errors.Join(err, os.RemoveAll(s.Bundle))
}
