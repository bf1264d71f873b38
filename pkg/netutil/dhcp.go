package netutil

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/state"
)

// The plugin dhcp renews leases from a process of its own, which the first
// container of such a network starts. It holds the leases, so it stays until the last
// of these networks is removed.

func (s *Service) dhcpSocket() string { return filepath.Join(s.cfg.Layout.Run, "dhcp.sock") }

// dhcpPatience is how long the plugin's process may take to listen.
const dhcpPatience = 3 * time.Second

// ensureDHCP starts the process if a network needs it and it does not answer.
func (s *Service) ensureDHCP(ctx context.Context, n *Network) (err error) {
	if n.IPAM != ipamDHCP || dials(s.dhcpSocket()) {
		return nil
	}
	l, err := state.AcquireLock(ctx, s.dhcpSocket()+".lock")
	if err != nil {
		return err
	}
	defer releaseLock(l, &err)
	if dials(s.dhcpSocket()) {
		return nil
	}
	path, err := invoke.FindInPath("dhcp", s.cfg.PluginDirs)
	if err != nil {
		return &MissingPluginError{Plugin: "dhcp", Dirs: s.cfg.PluginDirs}
	}
	if err := removeIfThere(s.dhcpSocket()); err != nil {
		return err
	}
	cmd := exec.Command(path, "daemon", "-socketpath", s.dhcpSocket(), "-pidfile", s.dhcpSocket()+".pid") //nolint:noctx // it outlives the command
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the plugin dhcp: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for wait := time.NewTimer(dhcpPatience); ; {
		select {
		case err := <-done:
			return fmt.Errorf("the plugin dhcp ended: %w", err)
		case <-wait.C:
			return fmt.Errorf("the plugin dhcp does not listen on %s after %s", s.dhcpSocket(), dhcpPatience)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		if dials(s.dhcpSocket()) {
			return nil
		}
	}
}

// stopDHCP ends the process with the last network that needs it.
func (s *Service) stopDHCP(ctx context.Context, gone *Network) error {
	if gone.IPAM != ipamDHCP {
		return nil
	}
	list, err := s.Networks(ctx)
	if err != nil || slices.ContainsFunc(list, func(n Network) bool { return n.IPAM == ipamDHCP }) {
		return err
	}
	text, err := os.ReadFile(s.dhcpSocket() + ".pid")
	if err != nil {
		return nil //nolint:nilerr // it does not run
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil //nolint:nilerr // nor does a file that was cut off say who does
	}
	// The number may be another process's by now.
	cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err == nil && strings.Contains(string(cmdline), s.dhcpSocket()) {
		err = unix.Kill(pid, unix.SIGTERM)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		err = nil
	}
	return errors.Join(err, removeIfThere(s.dhcpSocket()+".pid"), removeIfThere(s.dhcpSocket()), removeIfThere(s.dhcpSocket()+".lock"))
}

// dials tells whether somebody listens on a unix socket.
func dials(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
