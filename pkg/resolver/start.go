// Package resolver answers the containers of one user network for each other's
// names. It is what nerd-resolver, a small program of its own, is made of.
//
// It keeps nothing: what it knows it reads from the network records of the
// containers (pkg/netutil), so it can be killed at any time and started by anyone.
package resolver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Config is the resolver of one network.
type Config struct {
	Program string       // nerd-resolver
	Network string       // the network's name
	Addrs   []netip.Addr // to listen on: the bridge's
	Records string       // folder of the containers' network records
	Lock    string       // a file that a running resolver holds locked
}

// firstFile is the descriptor of the lock; the sockets follow it.
const firstFile = 3

// Ensure starts the resolver of a network if it does not run. It does not wait for
// it: the sockets are bound before, so what is asked meanwhile waits in them.
func Ensure(cfg Config) error {
	lock, err := tryLock(cfg.Lock)
	if err != nil || lock == nil {
		return err
	}
	err = launch(cfg, lock)
	return errors.Join(err, lock.Close()) // the resolver has it
}

// Running tells whether the resolver of a network runs.
func Running(cfg Config) (bool, error) {
	lock, err := tryLock(cfg.Lock)
	if lock == nil {
		return err == nil, err
	}
	return false, lock.Close()
}

// tryLock is nil if somebody has the lock.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	}
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil
	}
	return nil, errors.Join(err, f.Close())
}

func launch(cfg Config, lock *os.File) error {
	var sockets []*os.File
	defer func() {
		for _, f := range sockets {
			_ = f.Close()
		}
	}()
	for _, a := range cfg.Addrs {
		for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
			f, err := listen(netip.AddrPortFrom(a, 53), kind)
			if err != nil {
				return fmt.Errorf("the resolver of network %s cannot listen on %s: %w", cfg.Network, a, err)
			}
			sockets = append(sockets, f)
		}
	}
	cmd := exec.Command(cfg.Program, cfg.args(roleServe, 0)...) //nolint:noctx // it outlives the command
	cmd.Args[0] = "nerd-resolver"
	cmd.Dir, cmd.Env = "/", environment()
	cmd.ExtraFiles = append([]*os.File{lock}, sockets...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the resolver of network %s: %w", cfg.Network, err)
	}
	go func() { _ = cmd.Wait() }() // a caller that outlives it is not to keep its remains
	return nil
}

// environment is what all its processes get: a small heap is enough.
func environment() []string { return []string{"GOGC=25", "GOMAXPROCS=1"} }

// backlog is how many connections may wait to be taken.
const backlog = 64

// listen makes a socket on an address that the bridge has, or will have in a
// moment.
func listen(addr netip.AddrPort, kind int) (*os.File, error) {
	domain := unix.AF_INET
	if addr.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := bind(fd, addr, kind); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), addr.String()), nil
}

func bind(fd int, addr netip.AddrPort, kind int) error {
	var sa unix.Sockaddr = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	level, free := unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
	if addr.Addr().Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
		level, free = unix.IPPROTO_IP, unix.IP_FREEBIND
	}
	if err := unix.SetsockoptInt(fd, level, free, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// Or connections of the last resolver in TIME_WAIT would keep this one out.
	if kind == unix.SOCK_STREAM {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if kind == unix.SOCK_STREAM {
		return os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	return nil
}

// Roles of a process of nerd-resolver.
const (
	roleServe = "serve" // answers
	roleKeep  = "keep"  // takes the other's place when it is killed
)

// args is the command line of a role; parent is whom a keeper watches.
func (cfg Config) args(role string, parent int) []string {
	args := []string{role, cfg.Network, cfg.Records, cfg.Lock, strconv.Itoa(parent)}
	for _, a := range cfg.Addrs {
		args = append(args, a.String())
	}
	return args
}

// parseArgs is the reverse of args.
func parseArgs(args []string) (cfg Config, role string, parent int, err error) {
	if len(args) < 6 {
		return cfg, "", 0, errors.New("usage: nerd-resolver is started by nerd")
	}
	cfg = Config{Network: args[1], Records: args[2], Lock: args[3]}
	if parent, err = strconv.Atoi(args[4]); err != nil {
		return cfg, "", 0, err
	}
	for _, text := range args[5:] {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return cfg, "", 0, err
		}
		cfg.Addrs = append(cfg.Addrs, a)
	}
	cfg.Program, err = os.Readlink("/proc/self/exe")
	return cfg, args[0], parent, err
}
