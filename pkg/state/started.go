package state

import (
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the kernel's unit of times in /proc, in ticks for a second. It is the
// same on all architectures that Go runs on.
const userHZ = 100

// StartedAt is when the process began, to a hundredth of a second; zero if the
// clock cannot be read.
func (p Process) StartedAt() time.Time {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return time.Time{}
	}
	since := time.Duration(p.Start) * (time.Second / userHZ)
	return time.Now().Add(since - time.Duration(boot.Nano())).UTC()
}
