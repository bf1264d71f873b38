package main

import (
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// rotate renames the log to LOG.1, LOG.1 to LOG.2 and so on, up to the first
// number that is free; if none is, the oldest file is lost. So a rotation that
// was cut short can simply be done again. LOG.1.gz and so on move along.
func (l *logFile) rotate() {
	syscall.Close(l.fd)
	l.fd = -1
	if len(l.names) < 2 {
		syscall.Unlink(l.names[0])
		l.open()
		return
	}
	lock := l.lockNames()
	l.shift()
	if lock >= 0 {
		syscall.Close(lock)
	}
	l.open()
	l.compress()
}

const packed = ".gz"

func (l *logFile) shift() {
	free := len(l.names) - 1
	for i := 1; i < free; i++ {
		if !exists(l.names[i]) && (l.logger == "" || !exists(l.names[i]+packed)) {
			free = i
		}
	}
	if l.logger != "" {
		syscall.Unlink(l.names[free] + packed)
	}
	for i := free; i > 0; i-- {
		syscall.Rename(l.names[i-1], l.names[i])
		if l.logger != "" && i > 1 {
			syscall.Rename(l.names[i-1]+packed, l.names[i]+packed)
		}
	}
}

func exists(path string) bool {
	var st syscall.Stat_t
	return syscall.Lstat(path, &st) == nil
}

// lockNames keeps a process that compresses from putting its result under a name
// that is just being changed. It holds the lock for a moment only; if it was
// stopped in that moment, the log does not wait for it.
func (l *logFile) lockNames() int {
	if l.logger == "" {
		return -1
	}
	fd, err := syscall.Open(l.names[0]+wire.LockSuffix, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return -1
	}
	for range 100 {
		if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			break
		}
		syscall.Nanosleep(&syscall.Timespec{Nsec: 1e6}, nil)
	}
	return fd
}

// compress starts the process that compresses the rotated files. It ends by
// itself, also after this one.
func (l *logFile) compress() {
	if l.logger == "" {
		return
	}
	kept := l.packing[:0]
	for _, pid := range l.packing {
		if got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err == nil && got == 0 {
			kept = append(kept, pid)
		}
	}
	l.packing = kept
	pid, err := syscall.ForkExec(l.logger, []string{"nerd-logger", wire.LoggerCompress, l.names[0]}, &syscall.ProcAttr{
		Dir: "/", Env: []string{}, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{},
	})
	if err == nil {
		l.packing = append(l.packing, pid)
	}
}
