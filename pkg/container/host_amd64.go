package container

import (
	"errors"

	"golang.org/x/sys/unix"
)

// x32Bit marks a system call of the x32 ABI (arch/x86/include/uapi/asm/unistd.h).
const x32Bit = 0x40000000

// lacksX32 tells whether the kernel was built or started without the x32 ABI.
func lacksX32() bool {
	_, _, errno := unix.RawSyscall(x32Bit|unix.SYS_GETPID, 0, 0, 0)
	return errors.Is(errno, unix.ENOSYS)
}
