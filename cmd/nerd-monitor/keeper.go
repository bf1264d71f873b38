package main

import (
	"strconv"
	"syscall"
	"unsafe"
)

// The keeper is a child of the monitor that holds the container's output FIFOs
// and its ports and waits for the monitor's death. A FIFO that nobody has open
// loses what is in it, and the ports would be free for others, so somebody must
// hold them while no monitor runs. The keeper then starts another monitor, which
// goes on from the journal, and as its parent waits for its death in turn.
//
// It is forked without exec and gives back all memory except its code, one
// stack and one block of arguments, so it costs a few pages. Go's runtime does
// not work in it: keep and what it calls make system calls and nothing else.
type keeper struct {
	pid    int // 0: none runs
	pidfd  int
	parent bool // it has started this monitor, and is not its child
	block  *keeperBlock
	size   uintptr
}

// keeperBlock is all that a keeper knows, at the head of a mapping of its own.
type keeperBlock struct {
	path, argv, envp uintptr
	poll             pollFD
	timeout          uintptr
	mask             uint64 // no signal blocked
	firstHeld        uintptr
	firstClosed      uintptr
	status           int32
	restarts         int
	unmaps           int
	unmap            [96][2]uintptr // address and length
	name             [16]byte
}

type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

// slot is one of the descriptors that the keeper holds after the ports: two
// FIFOs and a pidfd of the monitor.
func (m *monitor) slot(i int) int { return firstSlot(&m.c) + i }

// startKeeper forks a keeper. Without one the monitor works all the same: if it
// is killed, the next command finds that out.
func (m *monitor) startKeeper() {
	k := &m.keeper
	fd, errno := pidfdOpen(syscall.Getpid())
	if errno != 0 {
		return
	}
	syscall.Dup3(fd, m.slot(2), syscall.O_CLOEXEC)
	syscall.Close(fd)
	if k.block == nil && !m.prepareKeeper() {
		return
	}
	b := k.block
	b.unmaps = 0
	var here byte
	excludeFromFork(b, k.size, uintptr(unsafe.Pointer(&here)))
	all := ^uint64(0)
	var old uint64
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 2, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid, errno := forkKeeper(b)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 2, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	if errno != 0 {
		return
	}
	k.pid, k.pidfd, k.parent = pid, -1, false
	if fd, errno := pidfdOpen(pid); errno == 0 {
		setCloexec(fd)
		k.pidfd = fd
		m.watch(fd, syscall.EPOLLIN)
	}
}

// adoptKeeper finds the keeper that has started this monitor. False: it is gone.
func (m *monitor) adoptKeeper() bool {
	pid := syscall.Getppid()
	fd, errno := pidfdOpen(pid)
	if errno != 0 {
		return false
	}
	if pid == 1 || syscall.Getppid() != pid {
		syscall.Close(fd)
		return false
	}
	setCloexec(fd)
	m.keeper.pid, m.keeper.pidfd, m.keeper.parent = pid, fd, true
	m.watch(fd, syscall.EPOLLIN)
	return true
}

// replaceKeeper starts a keeper that holds what this process holds now, and only
// then ends the old one.
func (m *monitor) replaceKeeper() {
	old := m.keeper
	m.keeper.pid = 0
	m.startKeeper()
	old.stop()
}

// stop ends the keeper and waits until it has let go of what it holds.
func (k *keeper) stop() {
	if k.pid == 0 {
		return
	}
	if k.parent {
		k.stopParent()
	} else {
		syscall.Kill(k.pid, syscall.SIGKILL)
		for {
			_, err := syscall.Wait4(k.pid, nil, 0, nil)
			if err != syscall.EINTR {
				break
			}
		}
	}
	if k.pidfd >= 0 {
		syscall.Close(k.pidfd)
	}
	k.pid = 0
}

// stopParent ends a keeper that is no child. Its number may be another
// process's by now, so the signal goes by its pidfd.
func (k *keeper) stopParent() {
	syscall.RawSyscall6(sysPidfdSendSignal, uintptr(k.pidfd), uintptr(syscall.SIGKILL), 0, 0, 0, 0)
	poll := pollFD{fd: int32(k.pidfd), events: 1}
	for poll.revents == 0 {
		syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, 0, 0, 0, 0)
	}
}

// prepareKeeper lays out the keeper's arguments in one mapping.
func (m *monitor) prepareKeeper() bool {
	argv := append([]string{"nerd-monitor"}, m.keepArgs()...)
	env := syscall.Environ()
	size := unsafe.Sizeof(keeperBlock{}) + 64 + uintptr(len(argv)+len(env)+2)*unsafe.Sizeof(uintptr(0))
	for _, s := range append(argv, env...) {
		size += uintptr(len(s)) + 1
	}
	size = (size + 4095) &^ 4095
	mem, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return false
	}
	b := (*keeperBlock)(unsafe.Pointer(&mem[0]))
	l := layout{mem: mem, at: unsafe.Sizeof(*b)}
	b.path = l.text("/proc/self/exe")
	b.argv = l.vector(argv)
	b.envp = l.vector(env)
	b.poll = pollFD{fd: int32(m.slot(2)), events: 1} // POLLIN
	b.firstHeld = firstPort
	b.firstClosed = uintptr(m.slot(3))
	copy(b.name[:], "nerd-keeper")
	m.keeper.block, m.keeper.size = b, size
	return true
}

// keepArgs are the words that make the next monitor go on from the journal.
func (m *monitor) keepArgs() []string {
	args := []string{"mode=keep", "nonce=" + strconv.FormatUint(m.j.nonce, 10)}
	for i, arg := range m.args {
		if arg == "--" {
			return append(args, m.args[i:]...)
		}
		if !hasPrefix(arg, "mode=") && !hasPrefix(arg, "nonce=") && !hasPrefix(arg, "pid=") {
			args = append(args, arg)
		}
	}
	return args
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// layout hands out memory of a block.
type layout struct {
	mem []byte
	at  uintptr
}

func (l *layout) text(s string) uintptr {
	p := uintptr(unsafe.Pointer(&l.mem[l.at]))
	copy(l.mem[l.at:], s)
	l.at += uintptr(len(s)) + 1
	return p
}

func (l *layout) vector(words []string) uintptr {
	const word = unsafe.Sizeof(uintptr(0))
	l.at = (l.at + word - 1) &^ (word - 1)
	table := unsafe.Slice((*uintptr)(unsafe.Pointer(&l.mem[l.at])), len(words)+1)
	p := uintptr(unsafe.Pointer(&l.mem[l.at]))
	l.at += word * uintptr(len(words)+1)
	for i, s := range words {
		table[i] = l.text(s)
	}
	return p
}

// excludeFromFork lists what a keeper unmaps: all private memory but its block,
// the part of the stack in use at sp and what the kernel has set up.
func excludeFromFork(b *keeperBlock, size, sp uintptr) {
	const stack = 16 << 10
	self := uintptr(unsafe.Pointer(b))
	keep := [2][2]uintptr{{self, self + size}, {(sp - stack) &^ 4095, (sp + stack + 4095) &^ 4095}}
	if keep[0][0] > keep[1][0] {
		keep[0], keep[1] = keep[1], keep[0]
	}
	buf := mapMemory(32 << 10)
	defer syscall.Munmap(buf)
	maps := readFile("/proc/self/maps", buf)
	for len(maps) > 0 {
		end := 0
		for end < len(maps) && maps[end] != '\n' {
			end++
		}
		from, to, disposable := parseMapping(maps[:end])
		maps = maps[min(end+1, len(maps)):]
		if !disposable {
			continue
		}
		for _, k := range keep {
			if k[0] < to && k[1] > from {
				b.add(from, k[0])
				from = max(from, k[1])
			}
		}
		b.add(from, to)
	}
}

func (b *keeperBlock) add(from, to uintptr) {
	if from < to && b.unmaps < len(b.unmap) {
		b.unmap[b.unmaps] = [2]uintptr{from, to - from}
		b.unmaps++
	}
}

// parseMapping reads a line of /proc/self/maps. Code and the mappings in square
// brackets, which the kernel makes, are not disposable.
func parseMapping(line []byte) (from, to uintptr, disposable bool) {
	i := 0
	hex := func() (v uintptr) {
		for ; i < len(line); i++ {
			switch c := line[i]; {
			case c >= '0' && c <= '9':
				v = v<<4 | uintptr(c-'0')
			case c >= 'a' && c <= 'f':
				v = v<<4 | uintptr(c-'a'+10)
			default:
				return v
			}
		}
		return v
	}
	from = hex()
	i++
	to = hex()
	if i+5 > len(line) || line[i+3] == 'x' || to <= from {
		return 0, 0, false
	}
	for ; i < len(line); i++ {
		if line[i] == '[' && line[i+1] != 'a' { // "[anon: ...]" is a name that a program may give
			return 0, 0, false
		}
	}
	return from, to, true
}

// forkKeeper is fork(2). In the child it does not return.
//
//go:nosplit
//go:noinline
func forkKeeper(b *keeperBlock) (int, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	keep(b)
	return 0, 0
}

// keep is the keeper's life. It must not allocate, grow the stack, lock, or
// touch any memory but b and its frame.
//
//go:nosplit
//go:noinline
//go:norace
func keep(b *keeperBlock) {
	syscall.RawSyscall6(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&b.name)), 0, 0, 0, 0)
	_, _, errno := syscall.RawSyscall6(sysCloseRange, b.firstClosed, ^uintptr(0)>>32, 0, 0, 0, 0)
	if errno != 0 {
		for fd := b.firstClosed; fd < 1024; fd++ {
			syscall.RawSyscall6(syscall.SYS_CLOSE, fd, 0, 0, 0, 0, 0)
		}
	}
	syscall.RawSyscall6(syscall.SYS_CLOSE, b.firstHeld-1, 0, 0, 0, 0, 0)
	for i := 0; i < b.unmaps; i++ {
		syscall.RawSyscall6(syscall.SYS_MUNMAP, b.unmap[i][0], b.unmap[i][1], 0, 0, 0, 0)
	}
	for b.poll.revents == 0 {
		syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&b.poll)), 1, 0, 0, 0, 0)
	}
	for b.restarts = 0; b.restarts < maxRestarts; b.restarts++ {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 && pid == 0 {
			become(b)
		}
		if errno != 0 || !died(b, pid) {
			break
		}
	}
	for {
		syscall.RawSyscall6(syscall.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
	}
}

// maxRestarts bounds how often one keeper starts a monitor.
const maxRestarts = 10000

// died waits for the monitor pid and tells whether it was killed or has crashed
// (Go's status for that is 2).
//
//go:nosplit
//go:noinline
//go:norace
func died(b *keeperBlock, pid uintptr) bool {
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&b.status)), 0, 0, 0, 0)
		if errno == 0 {
			return b.status&0x7f != 0 || b.status>>8&0xff == 2
		}
		if errno != syscall.EINTR {
			return false
		}
	}
}

// become makes this process a monitor.
//
//go:nosplit
//go:noinline
//go:norace
func become(b *keeperBlock) {
	for fd := b.firstHeld; fd < b.firstClosed-1; fd++ {
		syscall.RawSyscall6(syscall.SYS_FCNTL, fd, syscall.F_SETFD, 0, 0, 0, 0)
	}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 2, uintptr(unsafe.Pointer(&b.mask)), 0, 8, 0, 0)
	for {
		syscall.RawSyscall6(syscall.SYS_EXECVE, b.path, b.argv, b.envp, 0, 0, 0)
		syscall.RawSyscall6(syscall.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
	}
}
