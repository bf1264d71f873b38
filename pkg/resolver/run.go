package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Run is the program: the arguments are those that Ensure gives. It returns when
// there is no container left on the network.
//
// Two processes hold the sockets and the lock. One answers, the other, its keeper,
// waits for the first to be killed and then becomes what that was. What is asked in
// between waits in the sockets. A keeper that is killed is started anew.
func Run(ctx context.Context, args []string) error {
	cfg, role, parent, err := parseArgs(args)
	if err != nil {
		return err
	}
	if role == roleKeep {
		return keep(cfg, parent)
	}
	leaveCgroups()
	return serve(ctx, cfg)
}

// keep waits for the end of the process that answers and takes its place.
func keep(cfg Config, parent int) error {
	pidfd, err := unix.PidfdOpen(parent, 0)
	if err == nil && os.Getppid() == parent {
		for {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
	if pidfd >= 0 {
		_ = unix.Close(pidfd)
	}
	return syscall.Exec("/proc/self/exe", append([]string{"nerd-resolver"}, cfg.args(roleServe, 0)...), environment())
}

// files are the descriptors that both processes hold.
func (cfg Config) files() []*os.File {
	list := []*os.File{os.NewFile(firstFile, cfg.Lock)}
	for i := range 2 * len(cfg.Addrs) {
		list = append(list, os.NewFile(uintptr(firstFile+1+i), "socket"))
	}
	return list
}

func serve(ctx context.Context, cfg Config) error {
	v, err := newView(cfg.Records)
	if err != nil {
		return err
	}
	s := newServer(cfg.Network, v, cfg.Addrs, "/etc/resolv.conf")
	files := cfg.files()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keeper := startKeeper(ctx, cfg, files)
	stop, err := s.listen(ctx, files[1:])
	if err != nil {
		return err
	}
	s.untilUnused(ctx)
	cancel()
	<-keeper // gone, before anybody could find the lock free and two of us
	stop()
	for _, f := range files[1:] {
		_ = f.Close()
	}
	if err := unix.Flock(int(files[0].Fd()), unix.LOCK_UN); err != nil {
		return err
	}
	// A container may have come after the last look: whoever started it found the
	// lock taken and relied on this process.
	if s.used() {
		return Ensure(cfg)
	}
	return nil
}

// untilUnused waits until no container is on the network any more.
func (s *server) untilUnused(ctx context.Context) {
	for ctx.Err() == nil && s.used() {
		// Nothing is read here, so a question that comes first sees the change too.
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(s.view.watch), Events: unix.POLLIN}}, 1000)
		if err != nil && !errors.Is(err, unix.EINTR) {
			time.Sleep(time.Second)
		}
	}
}

// listen serves every socket. stop ends that.
func (s *server) listen(ctx context.Context, sockets []*os.File) (stop func(), err error) {
	var closers []func() error
	stop = func() {
		for _, c := range closers {
			_ = c()
		}
	}
	for i, f := range sockets {
		if i%2 == 1 {
			l, err := net.FileListener(f)
			if err != nil {
				return stop, err
			}
			closers = append(closers, l.Close)
			go s.serveTCP(ctx, l)
			continue
		}
		pc, err := net.FilePacketConn(f)
		if err != nil {
			return stop, err
		}
		udp, ok := pc.(*net.UDPConn)
		if !ok {
			return stop, fmt.Errorf("descriptor %d is no UDP socket", f.Fd())
		}
		closers = append(closers, udp.Close)
		go s.serveUDP(ctx, udp)
	}
	return stop, nil
}

// startKeeper has a keeper at all times until ctx ends; then the channel is closed
// once it is gone.
func startKeeper(ctx context.Context, cfg Config, files []*os.File) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			began := time.Now()
			cmd := exec.CommandContext(ctx, "/proc/self/exe", cfg.args(roleKeep, os.Getpid())...)
			cmd.Args[0] = "nerd-resolver"
			cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", environment(), files
			_ = cmd.Run()
			if time.Since(began) < time.Second && ctx.Err() == nil {
				time.Sleep(200 * time.Millisecond) // it cannot be started: not in a busy loop
			}
		}
	}()
	return done
}
