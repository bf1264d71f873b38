package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, err
	}
	start, _, err := parseStat(stat)
	return Process{PID: pid, Start: start}, err
}

// Alive tells whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return false
	}
	start, state, err := parseStat(stat)
	return err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// ParentStopped tells whether the parent of a process, which for that of a
// container is its shim, has been stopped by a signal.
func (p Process) ParentStopped() bool {
	fields, err := statFields(p.PID)
	if err != nil || len(fields) < 2 {
		return false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return false
	}
	fields, err = statFields(parent)
	return err == nil && len(fields) > 0 && (fields[0][0] == 'T' || fields[0][0] == 't')
}

// statFields are the fields of /proc/PID/stat from the third on.
func statFields(pid int) ([][]byte, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]), nil
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
