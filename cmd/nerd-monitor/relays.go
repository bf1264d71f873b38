package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// relayProcess is a relay as the monitor knows it. While it runs, it alone looks at
// its port.
type relayProcess struct {
	port, pid, pidfd int
}

// datagrams6 tells whether a descriptor is a socket for UDP over IPv6.
func datagrams6(fd int) bool {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil || kind != syscall.SOCK_DGRAM {
		return false
	}
	domain, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_DOMAIN)
	return err == nil && domain == syscall.AF_INET6
}

// startRelay hands a port over to a relay. It ends with this process: the next
// monitor starts its own.
func (m *monitor) startRelay(port int) {
	argv := []string{"nerd-monitor", "mode=relay", "id=" + m.c.id, "dir=" + m.c.dir}
	pid, err := syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		Dir: "/", Env: syscall.Environ(), Files: []uintptr{0, 1, 2, uintptr(port)},
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		syscall.Read(port, make([]byte, 1)) // this packet is lost; the next may find memory
		return
	}
	pidfd, errno := pidfdOpen(pid)
	if errno != 0 || !m.watch(pidfd, syscall.EPOLLIN) {
		endProcess(pid)
		if errno == 0 {
			syscall.Close(pidfd)
		}
		syscall.Read(port, make([]byte, 1))
		return
	}
	setCloexec(pidfd)
	syscall.EpollCtl(m.epoll, syscall.EPOLL_CTL_DEL, port, nil)
	m.relays = append(m.relays, relayProcess{port, pid, pidfd})
}

// relayEnded looks at the port again if fd is of a relay, which has had nothing to do.
func (m *monitor) relayEnded(fd int) bool {
	for i, r := range m.relays {
		if r.pidfd != fd {
			continue
		}
		m.relays = append(m.relays[:i], m.relays[i+1:]...)
		syscall.Close(fd) // no longer watched, too
		syscall.Wait4(r.pid, nil, 0, nil)
		m.watch(r.port, syscall.EPOLLIN)
		return true
	}
	return false
}

// endRelays ends them, and returns when their ports are free.
func (m *monitor) endRelays() {
	for _, r := range m.relays {
		endProcess(r.pid)
		syscall.Close(r.pidfd)
	}
	m.relays = nil
}

// endProcess kills a child and takes its exit status.
func endProcess(pid int) {
	syscall.Kill(pid, syscall.SIGKILL)
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// watchPackets waits for the first packet at a port for UDP over IPv6.
func (m *monitor) watchPackets() {
	for i := range m.c.ports {
		if fd := wire.FirstPortFD + i; datagrams6(fd) {
			syscall.SetNonblock(fd, true)
			m.watch(fd, syscall.EPOLLIN)
		}
	}
}
