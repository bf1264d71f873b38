package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process names one process for good: a process id alone is used again.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot, field 22 of /proc/PID/stat
}

// Self is the calling process.
func Self() (Process, error) { return FindProcess(os.Getpid()) }

// FindProcess is the process that has the id pid now.
func FindProcess(pid int) (Process, error) {
	var buf statBuffer
	stat, err := buf.read(pid)
	if err != nil {
		return Process{}, err
	}
	start, _, err := parseStat(stat)
	return Process{PID: pid, Start: start}, err
}

// Alive tells whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	var buf statBuffer
	_, alive := p.look(&buf)
	return alive
}

// Look is Alive, and tells whether the parent of the process, which for that of a
// container is its shim, has been stopped by a signal.
func (p Process) Look() (alive, parentStopped bool) {
	var buf statBuffer
	stat, alive := p.look(&buf)
	if !alive {
		return false, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return true, false
	}
	if stat, err = buf.read(parent); err != nil {
		return true, false
	}
	_, state, err := parseStat(stat)
	return true, err == nil && (state == 'T' || state == 't')
}

func (p Process) look(buf *statBuffer) (stat []byte, alive bool) {
	if p.PID <= 0 {
		return nil, false
	}
	stat, err := buf.read(p.PID)
	if err != nil {
		return nil, false
	}
	start, state, err := parseStat(stat)
	return stat, err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// statBuffer holds /proc/PID/stat, a line of at most 52 numbers and a name of 64
// bytes.
type statBuffer [2048]byte

// read reads it with three system calls: a list of containers asks for hundreds.
func (b *statBuffer) read(pid int) ([]byte, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		n, err := unix.Read(fd, b[:])
		_ = unix.Close(fd) // nothing was written
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil { // it ended between the two
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		return b[:n], nil
	}
}

// String is "PID-START", which ParseProcess reads.
func (p Process) String() string { return fmt.Sprintf("%d-%d", p.PID, p.Start) }

// ParseProcess reads what String wrote.
func ParseProcess(s string) (Process, error) {
	pid, start, ok := strings.Cut(s, "-")
	if !ok {
		return Process{}, fmt.Errorf("%q is not a process", s)
	}
	p, err1 := strconv.Atoi(pid)
	t, err2 := strconv.ParseUint(start, 10, 64)
	return Process{PID: p, Start: t}, errors.Join(err1, err2)
}

// parseStat takes the start time and the state letter out of /proc/PID/stat.
// The command name, field 2, may contain anything, so fields count from its
// closing parenthesis.
func parseStat(stat []byte) (start uint64, state byte, err error) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, 0, errors.New("malformed /proc stat line")
	}
	f := bytes.Fields(stat[i+1:])
	if len(f) < 20 {
		return 0, 0, errors.New("short /proc stat line")
	}
	start, err = strconv.ParseUint(string(f[19]), 10, 64)
	return start, f[0][0], err
}
