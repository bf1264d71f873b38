// Command nerd-init is the first process of a container that was started with
// --init: it runs the container's command, hands signals on to it, reaps whatever
// else ends, and ends with the command's exit status. The container knows it as
// /sbin/docker-init, as in Docker, and it is called
//
//	docker-init -- COMMAND [ARG...]
//
// It sits in every such container, counts against its limit of processes and is
// in the way of its start. So it is one thread without Go's runtime: the linker is
// told to begin at entry, and from there on nothing is allowed that needs the
// runtime: no allocation, no growing stack, no goroutine, no panic. Build it with
// -ldflags '-E main.entry', as make does.
package main

import (
	"syscall"
	"unsafe"
)

// local stands for the thread-local memory of a runtime.
var local [8]uintptr

// Where the linker was not told where to begin, this is run instead.
func main() {
	local[0] = 0
	const text = "nerd-init was built without its entry point: build it with make\n"
	write(text)
	syscall.Exit(exitUsage)
}

// Exit statuses, those of a shell.
const (
	exitUsage       = 2
	exitCannotRun   = 126
	exitNotFound    = 127
	exitSignal      = 128 // and the signal's number
	signals         = 64
	sizeofSignalSet = 8
)

// start is called with the stack as the kernel leaves it: the number of
// arguments, the arguments, zero, the environment, zero. It does not return.
//
//go:nosplit
//go:norace
func start(stack *[1 << 20]uintptr) {
	argc := stack[0]
	argv := (*[1 << 20]uintptr)(unsafe.Pointer(&stack[1]))
	envp := (*[1 << 20]uintptr)(unsafe.Pointer(&stack[1+argc+1]))
	first := uintptr(1)
	if argc > 1 && isDashes(argv[1]) {
		first = 2
	}
	if first >= argc {
		write("nerd-init: say what to run: nerd-init -- COMMAND [ARG...]\n")
		exit(exitUsage)
	}
	command := (*[1 << 20]uintptr)(unsafe.Pointer(&argv[first]))
	all := ^uint64(0)
	var before uint64
	call(syscall.SYS_RT_SIGPROCMASK, 2, address(&all), address(&before), sizeofSignalSet)
	child, errno := fork()
	switch {
	case errno != 0:
		fail("start a process", errno)
	case child == 0:
		toForeground()
		call(syscall.SYS_RT_SIGPROCMASK, 2, address(&before), 0, sizeofSignalSet)
		execute(command, envp)
	}
	serve(child)
}

// serve hands on signals and reaps until the command has ended. All signals are
// blocked, so that they wait to be taken here; even a first process, to which the
// kernel gives no signal that it does not handle, gets them so.
//
//go:nosplit
//go:norace
func serve(child uintptr) {
	all := ^uint64(0)
	for {
		signal, errno := call(syscall.SYS_RT_SIGTIMEDWAIT, address(&all), 0, 0, sizeofSignalSet)
		switch {
		case errno != 0 || signal > signals:
		case signal == uintptr(syscall.SIGCHLD):
			reap(child)
		default:
			call(syscall.SYS_KILL, child, signal, 0, 0)
		}
	}
}

// reap takes the status of every process that has ended, and ends as the command
// has. The kernel then ends what is left of the container.
//
//go:nosplit
//go:norace
func reap(child uintptr) {
	for {
		var status int32
		pid, errno := call(syscall.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&status)), syscall.WNOHANG, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || pid == 0 {
			return
		}
		if pid != child {
			continue
		}
		if signal := status & 0x7f; signal != 0 {
			exit(exitSignal + uintptr(signal))
		}
		exit(uintptr(status>>8) & 0xff)
	}
}

// toForeground makes the command the leader of a process group of its own and,
// if there is a terminal, gives it to that group, so that ctrl-c reaches the
// command and not this process as well. Where there is none nothing changes.
//
//go:nosplit
//go:norace
func toForeground() {
	call(syscall.SYS_SETPGID, 0, 0, 0, 0)
	group, _ := call(syscall.SYS_GETPID, 0, 0, 0, 0)
	terminal := int32(group)
	call(syscall.SYS_IOCTL, 0, syscall.TIOCSPGRP, uintptr(unsafe.Pointer(&terminal)), 0)
}

// fork is fork(2).
//
//go:nosplit
//go:norace
func fork() (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	return pid, errno
}

//go:nosplit
//go:norace
func call(number, a, b, c, d uintptr) (uintptr, syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(number, a, b, c, d, 0, 0)
	return r, errno
}

//go:nosplit
//go:norace
func address(p *uint64) uintptr { return uintptr(unsafe.Pointer(p)) }

//go:nosplit
//go:norace
func exit(status uintptr) {
	for {
		call(syscall.SYS_EXIT_GROUP, status, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func write(text string) {
	call(syscall.SYS_WRITE, 2, uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text)), 0)
}
