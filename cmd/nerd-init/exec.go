package main

import (
	"syscall"
	"unsafe"
)

// maxPath is the longest path that the kernel takes, its end included.
const maxPath = 4096

// path is where a path is put together; the stack has no room for one.
var path [maxPath]byte

// execute becomes the command: argv is its arguments, the first its name, which
// is looked for in the folders of PATH unless it is a path. It does not return.
//
//go:nosplit
//go:norace
func execute(argv, envp *[1 << 20]uintptr) {
	name := argv[0]
	if has(name, '/') || at(name, 0) == 0 {
		_, errno := call(syscall.SYS_EXECVE, name, address1(argv), address1(envp), 0)
		cannotRun(name, errno)
	}
	worst := syscall.ENOENT
	for folder := pathOf(envp); folder != 0; {
		errno := executeIn(folder, name, argv, envp)
		if errno == syscall.EACCES {
			worst = errno // it is there, but not for this user; another may be fine
		} else if errno != syscall.ENOENT && errno != syscall.ENOTDIR {
			cannotRun(name, errno)
		}
		for at(folder, 0) != ':' && at(folder, 0) != 0 {
			folder++
		}
		if at(folder, 0) == 0 {
			break
		}
		folder++
	}
	cannotRun(name, worst)
}

// executeIn tries the folder that text begins with. An empty one is the present.
//
//go:nosplit
//go:norace
func executeIn(text, name uintptr, argv, envp *[1 << 20]uintptr) syscall.Errno {
	n := uintptr(0)
	for ; at(text, n) != ':' && at(text, n) != 0; n++ {
		if n >= maxPath-2 {
			return syscall.ENOENT
		}
		path[n] = at(text, n)
	}
	if n > 0 {
		path[n] = '/'
		n++
	}
	for i := uintptr(0); at(name, i) != 0; i++ {
		if n >= maxPath-1 {
			return syscall.ENOENT
		}
		path[n] = at(name, i)
		n++
	}
	path[n] = 0
	_, errno := call(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(&path)), address1(argv), address1(envp), 0)
	return errno
}

// pathOf is the value of PATH, or 0.
//
//go:nosplit
//go:norace
func pathOf(envp *[1 << 20]uintptr) uintptr {
	for i := 0; envp[i] != 0; i++ {
		e := envp[i]
		if at(e, 0) == 'P' && at(e, 1) == 'A' && at(e, 2) == 'T' && at(e, 3) == 'H' && at(e, 4) == '=' {
			return e + 5
		}
	}
	return 0
}

// cannotRun ends as a shell does for a command that cannot be run.
//
//go:nosplit
//go:norace
func cannotRun(name uintptr, errno syscall.Errno) {
	write("nerd-init: cannot run ")
	n := uintptr(0)
	for at(name, n) != 0 {
		n++
	}
	call(syscall.SYS_WRITE, 2, name, n, 0)
	status := uintptr(exitCannotRun)
	switch errno {
	case syscall.ENOENT:
		write(": no such file or directory\n")
		status = exitNotFound
	case syscall.EACCES:
		write(": permission denied\n")
	case syscall.ENOEXEC:
		write(": exec format error\n")
	default:
		writeNumber(errno)
	}
	exit(status)
}

// fail ends because of something other than the command.
//
//go:nosplit
//go:norace
func fail(what string, errno syscall.Errno) {
	write("nerd-init: cannot ")
	write(what)
	writeNumber(errno)
	exit(exitCannotRun)
}

//go:nosplit
//go:norace
func writeNumber(errno syscall.Errno) {
	write(": error ")
	var digits [8]byte
	i := len(digits)
	for n := uint(errno); i > 0; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
		if n < 10 {
			break
		}
	}
	call(syscall.SYS_WRITE, 2, uintptr(unsafe.Pointer(&digits[i&7])), uintptr(len(digits)-i), 0)
	write("\n")
}

//go:nosplit
//go:norace
func isDashes(p uintptr) bool { return at(p, 0) == '-' && at(p, 1) == '-' && at(p, 2) == 0 }

//go:nosplit
//go:norace
func has(p uintptr, want byte) bool {
	for i := uintptr(0); at(p, i) != 0; i++ {
		if at(p, i) == want {
			return true
		}
	}
	return false
}

// at is a byte of a text that the kernel has put on the stack. The detour keeps
// vet from taking the address for one in Go's heap.
//
//go:nosplit
//go:norace
func at(p, i uintptr) byte {
	p += i
	return **(**byte)(unsafe.Pointer(&p))
}

//go:nosplit
//go:norace
func address1(p *[1 << 20]uintptr) uintptr { return uintptr(unsafe.Pointer(p)) }
