package main

import (
	"syscall"
	"unsafe"
)

// System calls by number, where package syscall has none. Numbers above 423
// are the same on all of Linux's architectures.
const (
	sysPidfdSendSignal = 424
	sysPidfdOpen       = 434
	sysCloseRange      = 436

	clockRealtime  = 0
	clockMonotonic = 1

	spliceMove     = 1
	spliceNonblock = 2

	fallocPunchHole = 3 // and keep the size
)

// now reads a clock, in nanoseconds.
func now(clock uintptr) int64 {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Sec*1e9 + ts.Nsec
}

func pidfdOpen(pid int) (int, syscall.Errno) {
	fd, _, errno := syscall.RawSyscall(sysPidfdOpen, uintptr(pid), 0, 0)
	return int(fd), errno
}

// splice moves up to n bytes from the pipe in to the file out at *off, and the
// kernel advances *off in the same call.
func splice(in, out int, off *int64, n int) (int, syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(in), 0, uintptr(out), uintptr(unsafe.Pointer(off)), uintptr(n), spliceMove|spliceNonblock)
	return int(r), errno
}

// offset is p as an argument of a system call. What p points to is in a mapping,
// so it does not move.
func offset(p *int64) uintptr { return uintptr(unsafe.Pointer(p)) }

func write(fd int, b []byte) (int, syscall.Errno) {
	if len(b) == 0 {
		return 0, 0
	}
	r, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(r), errno
}

func read(fd int, b []byte) (int, syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(r), errno
}

// writev writes a then b.
func writev(fd int, a, b []byte) (int, syscall.Errno) {
	iov := [2]syscall.Iovec{{Base: &a[0]}, {Base: &b[0]}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	r, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 2)
	return int(r), errno
}

// mapFile maps n bytes of fd at off, shared. A non-zero addr is where.
func mapFile(addr uintptr, fd int, off int64, n uintptr) (uintptr, syscall.Errno) {
	flags := uintptr(syscall.MAP_SHARED)
	if addr != 0 {
		flags |= syscall.MAP_FIXED
	}
	p, _, errno := syscall.RawSyscall6(syscall.SYS_MMAP, addr, n, syscall.PROT_READ|syscall.PROT_WRITE, flags, uintptr(fd), uintptr(off))
	return p, errno
}

// mapMemory maps n bytes of private memory, outside of Go's heap: untouched
// pages cost nothing and the collector never looks at it.
func mapMemory(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return make([]byte, n)
	}
	return b
}

// memory is the n bytes at p, which mmap returned.
func memory(p uintptr, n int) []byte {
	return unsafe.Slice((*byte)(pointer(p)), n)
}

// pointer turns an address that mmap returned into a pointer. The detour keeps
// vet from taking it for an address in Go's heap.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// ignoreSignals makes the signals that end a session harmless, or (on=false)
// gives them their default effect back, which a helper must start with.
func ignoreSignals(on bool) {
	var action [4]uint64 // kernel's struct sigaction: handler first, rest zero
	if on {
		action[0] = 1 // SIG_IGN
	}
	for _, sig := range [...]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE} {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
}

// closeFrom closes all descriptors from first on.
func closeFrom(first int) {
	if _, _, errno := syscall.RawSyscall(sysCloseRange, uintptr(first), ^uintptr(0)>>32, 0); errno == 0 {
		return
	}
	for fd := first; fd < 1024; fd++ {
		syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
	}
}

// setCloexec keeps a descriptor from the programs that this one starts.
func setCloexec(fd int) {
	syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, syscall.FD_CLOEXEC)
}

// readFile reads up to len(buf) bytes of a small file.
func readFile(path string, buf []byte) []byte {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	n := 0
	for n < len(buf) {
		r, err := syscall.Read(fd, buf[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || r <= 0 {
			break
		}
		n += r
	}
	return buf[:n]
}
