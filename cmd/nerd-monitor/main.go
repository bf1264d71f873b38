// Command nerd-monitor is the companion of one running container. It owns the
// container's stdio, writes its log, serves the attach socket, holds its ports
// and runs nerd when the container has exited. Package monitor starts it and
// talks to it; nobody calls it by hand.
//
// It stays beside every running container, so its memory counts: it is one
// thread on an epoll loop and imports little more than package syscall.
package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

const (
	firstPort  = wire.FirstPortFD
	maxCmdline = 1 << 20
)

func main() {
	runtime.LockOSThread()
	buf := mapMemory(maxCmdline)
	args := splitArgs(readFile("/proc/self/cmdline", buf))
	syscall.Munmap(buf)
	c, bad := parseConfig(args[min(1, len(args)):])
	if bad != "" {
		syscall.Write(2, []byte("nerd-monitor is started by nerd, not by hand: bad argument "+bad+"\n"))
		syscall.Exit(2)
	}
	switch c.mode {
	case "spawn":
		detach(args)
	case "forward":
		joinConnection(c)
	case "relay":
		relayPackets(c)
	case "write":
		writeFeed(c)
	case "run", "keep":
		run(c, args[1:])
	}
	syscall.Exit(2)
}

// detach starts the monitor as a child and leaves it to init, so that it is
// nobody's zombie, with no descriptor but the ones meant for it.
func detach(args []string) {
	c, _ := parseConfig(args[1:])
	closeFrom(firstPort + c.ports)
	argv := append([]string{"nerd-monitor"}, args[1:]...)
	for i, arg := range argv {
		if arg == "mode=spawn" {
			argv[i] = "mode=run"
			break
		}
	}
	files := []uintptr{0, 1, 2, wire.FirstClientFD}
	for i := range c.ports {
		files = append(files, uintptr(firstPort+i))
	}
	_, err := syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   syscall.Environ(),
		Files: files,
		Sys:   &syscall.SysProcAttr{},
	})
	if err != nil {
		fail("start nerd-monitor", err.(syscall.Errno))
	}
	syscall.Exit(0)
}

// fail tells the first client why the monitor cannot run, and ends.
func fail(what string, errno syscall.Errno) {
	text := what + ": " + errno.Error()
	b := wire.AppendHeader(nil, wire.Failed, 4+len(text))
	b = wire.Append32(b, uint32(errno))
	write(wire.FirstClientFD, append(b, text...))
	syscall.Exit(1)
}

// run is the monitor.
func run(c config, args []string) {
	name := [16]byte{}
	copy(name[:], "nerd-monitor")
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&name)), 0)
	ignoreSignals(true)
	syscall.Umask(0o077)
	m := &monitor{c: c, args: args, pidfd: -1, stdin: -1, fifo: [2]int{-1, -1}}
	m.reserveSlots()
	recovered := m.takeOver()
	m.openAll(recovered)
	m.listen()
	if c.mode == "run" || !m.adoptKeeper() {
		leaveCgroups() // first, so that neither the keeper nor a sink is left in them
		m.startKeeper()
	}
	m.openSinks()
	if c.mode == "run" {
		m.addClient(wire.FirstClientFD)
		if len(m.clients) > 0 {
			m.sayReady(m.clients[0])
			m.flush(m.clients[0])
		}
	}
	if m.j.exited != 0 {
		m.state = exited
	} else if m.j.pid != 0 {
		m.watchPID()
	} else if c.pid != 0 {
		m.setPID(c.pid)
	}
	m.watchPorts()
	m.watchPackets()
	m.loop()
}

func firstSlot(c *config) int { return firstPort + c.ports }

// reserveSlots puts /dev/null where a port, a FIFO or the first client may be
// missing, so that no other file takes that number.
func (m *monitor) reserveSlots() {
	for fd := wire.FirstClientFD; fd < m.slot(3); fd++ {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); errno != 0 {
			syscall.Dup3(0, fd, syscall.O_CLOEXEC)
		}
		setCloexec(fd)
	}
	syscall.SetNonblock(wire.FirstClientFD, true)
}

// takeOver gets hold of the journal. If a killed monitor has left it, its
// clients are given time to come back.
func (m *monitor) takeOver() bool {
	fresh := m.c.mode == "run" && m.c.pid == 0
	wait := lockWait
	if !fresh {
		wait = retryWait
	}
	nonce := uint64(now(clockRealtime))
	j, recovered, errno := openJournal(m.path(wire.JournalName), m.c.ring(), fresh, nonce, wait)
	if errno == syscall.EBUSY {
		fail("another nerd-monitor serves this container", errno)
	}
	if errno != 0 {
		fail("open "+m.path(wire.JournalName), errno)
	}
	if m.c.mode == "keep" && (!recovered || j.nonce != m.c.nonce) {
		if !recovered {
			syscall.Unlink(m.path(wire.JournalName))
		}
		syscall.Exit(0) // the container that this was for is gone
	}
	m.j, m.stdinCut = j, j.size()
	m.throttle()
	if recovered && j.clients > 0 {
		m.lost = lost{clients: j.clients, owners: j.owners, stdin: j.stdinHolders, until: now(clockMonotonic) + lostWait}
		for i := range m.lost.floor {
			m.lost.floor[i] = j.stream[i].floor
			if end := j.end(i); end > m.j.ring {
				m.lost.floor[i] = max(m.lost.floor[i], end-m.j.ring)
			}
		}
	}
	return recovered
}

// throttle slows down a monitor that dies again and again right after its start.
func (m *monitor) throttle() {
	t := now(clockMonotonic)
	if t-m.j.started < 5*millisecond {
		m.j.crashes++
	} else {
		m.j.crashes = 0
	}
	m.j.started = t
	if m.j.crashes > 20 {
		syscall.Nanosleep(&syscall.Timespec{Sec: 1}, nil)
	}
}

// openAll opens the FIFOs and the log. Those of a fresh start are made anew: the
// monitor of the last one may still have the old ones open.
func (m *monitor) openAll(recovered bool) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		fail("make an epoll descriptor", err.(syscall.Errno))
	}
	m.epoll = epoll
	for i, name := range [2]string{wire.StdoutName, wire.StderrName} {
		if i == 1 && m.c.tty {
			m.eof[1] = true
			break
		}
		if m.c.mode != "keep" {
			fd := m.openFIFO(name, syscall.O_RDONLY)
			syscall.Dup3(fd, m.slot(i), syscall.O_CLOEXEC)
			syscall.Close(fd)
		}
		m.fifo[i] = m.slot(i)
		m.ready[i] = recovered
		m.watch(m.fifo[i], syscall.EPOLLIN|epollEdge)
	}
	if m.c.openStdin && m.j.stdinClosed == 0 {
		m.stdin = m.openFIFO(wire.StdinName, syscall.O_RDWR)
		m.watch(m.stdin, syscall.EPOLLOUT|epollEdge)
	}
	if m.c.logPath != "" && !m.c.drop {
		m.log = newLogFile(&m.c)
		m.log.recover(m.j)
	}
}

func (m *monitor) openFIFO(name string, mode int) int {
	path := m.path(name)
	if m.c.mode == "run" && m.c.pid == 0 {
		syscall.Unlink(path)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil && err != syscall.EEXIST {
		fail("make "+path, err.(syscall.Errno))
	}
	fd, err := syscall.Open(path, mode|syscall.O_NONBLOCK|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	if err != nil {
		fail("open "+path, err.(syscall.Errno))
	}
	return fd
}

// listen makes the attach socket. Its address is relative, because an absolute
// one may not fit into the 108 bytes that there are, and it appears under its
// name when it already listens.
func (m *monitor) listen() {
	const temporary = wire.SocketName + ".new"
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Chdir(m.c.dir)
	}
	if err == nil {
		syscall.Unlink(temporary)
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: temporary})
	}
	if err == nil {
		err = syscall.Listen(fd, 128)
	}
	if err == nil {
		err = syscall.Rename(temporary, wire.SocketName)
	}
	if err != nil {
		fail("listen on "+m.path(wire.SocketName), err.(syscall.Errno))
	}
	syscall.Chdir("/")
	m.sock = fd
	m.watch(fd, syscall.EPOLLIN)
}
