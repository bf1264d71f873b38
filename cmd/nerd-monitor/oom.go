package main

import (
	"strconv"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// On cgroup version 2 systemd removes a container's group as soon as it is
// empty, and with it the kernel's word that the container was killed for want
// of memory. The kernel announces that before the process is gone, so the
// monitor hears of it in time and leaves a file behind.

// watchOOM waits for a change in the events of the container's memory.
func (m *monitor) watchOOM(pid int) {
	buf := make([]byte, 4096)
	group, ok := unifiedGroup(readFile("/proc/"+strconv.Itoa(pid)+"/cgroup", buf))
	if !ok {
		return
	}
	fd, err := syscall.Open("/sys/fs/cgroup"+group+"/memory.events", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return // version 1, where the group stays until the task is deleted
	}
	m.oom = fd
	m.watch(fd, uint32(syscall.EPOLLPRI)|epollEdge)
}

// unifiedGroup is the path in the line "0::PATH" of /proc/PID/cgroup.
func unifiedGroup(table []byte) (path string, ok bool) {
	for len(table) > 0 {
		end := 0
		for end < len(table) && table[end] != '\n' {
			end++
		}
		if end > 3 && string(table[:3]) == "0::" {
			return string(table[3:end]), true
		}
		table = table[min(end+1, len(table)):]
	}
	return "", false
}

// readOOM notes it if the kernel has killed.
func (m *monitor) readOOM() {
	if m.oom <= 0 {
		return
	}
	buf := make([]byte, 512)
	n, err := syscall.Pread(m.oom, buf, 0)
	if err != nil || !oomKilled(buf[:max(n, 0)]) {
		return
	}
	fd, err := syscall.Open(m.path(wire.OOMName), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err == nil {
		syscall.Close(fd)
	}
}

// oomKilled looks for a line "oom_kill N" where N is not 0.
func oomKilled(events []byte) bool {
	const word = "oom_kill "
	for i := 0; i+len(word) < len(events); i++ {
		if (i == 0 || events[i-1] == '\n') && string(events[i:i+len(word)]) == word {
			return events[i+len(word)] != '0'
		}
	}
	return false
}
