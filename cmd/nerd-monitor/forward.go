package main

import (
	"runtime"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// A published port is led to the container by the kernel's rules. Those of IPv6
// cannot lead to a container that has no IPv6 address, nor from ::1 to anywhere.
// For these connections the port's socket listens, and each that arrives is
// joined with the container by a process of its own, which costs nothing while
// there is none.

const soAcceptConn = 0x1e // SO_ACCEPTCONN, absent from package syscall

// watchPorts waits for connections on the ports that listen.
func (m *monitor) watchPorts() {
	for i := range m.c.ports {
		fd := wire.FirstPortFD + i
		if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, soAcceptConn); err != nil || on == 0 {
			continue
		}
		syscall.SetNonblock(fd, true)
		m.watch(fd, syscall.EPOLLIN)
	}
}

// isPort tells whether a descriptor is one of the ports.
func (m *monitor) isPort(fd int) bool {
	return fd >= wire.FirstPortFD && fd < wire.FirstPortFD+m.c.ports
}

// forward hands a connection over to a process that joins it with the container.
func (m *monitor) forward(port int) {
	m.reapForwards()
	conn, _, err := syscall.Accept4(port, syscall.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	defer syscall.Close(conn)
	// Or the connection would keep the port from being bound anew when the
	// container is started again, until its TIME_WAIT is over.
	syscall.SetsockoptInt(conn, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	argv := []string{"nerd-monitor", "mode=forward", "id=" + m.c.id, "dir=" + m.c.dir}
	pid, err := syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		Dir: "/", Env: syscall.Environ(), Files: []uintptr{0, 1, 2, uintptr(conn)}, Sys: &syscall.SysProcAttr{},
	})
	if err == nil {
		m.forwards = append(m.forwards, pid)
	}
}

// endForwards ends all connections: the container is gone.
func (m *monitor) endForwards() {
	for _, pid := range m.forwards {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// reapForwards takes the exit status of those that have ended.
func (m *monitor) reapForwards() {
	kept := m.forwards[:0]
	for _, pid := range m.forwards {
		if got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err == nil && got == 0 {
			kept = append(kept, pid)
		}
	}
	m.forwards = kept
}

// joinConnection is the process that forward starts: it joins the connection it
// inherits with the container's side of the port it arrived on.
func joinConnection(c config) {
	near := wire.FirstClientFD
	addr, err := syscall.Getsockname(near)
	in6, ok := addr.(*syscall.SockaddrInet6)
	if err != nil || !ok {
		syscall.Exit(1)
	}
	buf := make([]byte, 64<<10)
	target, ok := findTarget(readFile(c.dir+"/"+wire.ForwardName, buf), in6.Port)
	if !ok {
		syscall.Exit(1)
	}
	far, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil || syscall.Connect(far, &target) != nil {
		syscall.Exit(1)
	}
	// One processor for each direction: with the single one that a monitor has, a
	// call that blocks would keep the other direction waiting.
	runtime.GOMAXPROCS(2)
	done := make(chan struct{})
	go func() {
		pump(near, far)
		done <- struct{}{}
	}()
	pump(far, near)
	<-done
	syscall.Exit(0)
}

// pump moves what one socket receives to the other until the end, and passes that on.
// Its calls may block, so unlike those of the monitor they go through the scheduler.
func pump(from, to int) {
	splicePump(from, to)
	syscall.Shutdown(to, syscall.SHUT_WR)
	syscall.Shutdown(from, syscall.SHUT_RD)
}

const (
	fSetPipeSize = 0x407 // F_SETPIPE_SZ, absent from package syscall
	pipeSize     = 1 << 20
)

// splicePump has the kernel pass the pages on through a pipe, so that nothing is
// copied into this process.
func splicePump(from, to int) {
	var pipe [2]int
	if syscall.Pipe2(pipe[:], syscall.O_CLOEXEC) != nil {
		return
	}
	// Refused to who has many pipes already; it works with a small one, too.
	syscall.Syscall(syscall.SYS_FCNTL, uintptr(pipe[1]), fSetPipeSize, pipeSize)
	for {
		n, err := syscall.Splice(from, nil, pipe[1], nil, pipeSize, 0)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			return
		}
		for n > 0 {
			out, err := syscall.Splice(pipe[0], nil, to, nil, int(n), 0)
			if err == syscall.EINTR {
				continue
			}
			if out <= 0 {
				return
			}
			n -= out
		}
	}
}

// findTarget looks a host port up in the lines "PORT A.B.C.D PORT".
func findTarget(table []byte, port int) (target syscall.SockaddrInet4, ok bool) {
	for len(table) > 0 {
		var nums [6]int
		n, digits := 0, false
		i := 0
		for ; i < len(table) && table[i] != '\n'; i++ {
			if ch := table[i]; ch >= '0' && ch <= '9' {
				if n < len(nums) {
					nums[n] = nums[n]*10 + int(ch-'0')
				}
				digits = true
			} else if digits {
				n, digits = n+1, false
			}
		}
		table = table[min(i+1, len(table)):]
		if n == len(nums)-1 && digits && nums[0] == port {
			target.Port = nums[5]
			for j := range target.Addr {
				target.Addr[j] = byte(nums[j+1])
			}
			return target, true
		}
	}
	return target, false
}
