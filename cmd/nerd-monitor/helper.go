package main

import (
	"strconv"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// helper is the command that does what needs containerd.
type helper struct {
	pid   int // 0: none runs
	pidfd int
	out   int // its stdout
	verb  string
	tries int
	at    int64 // when to try again, or to restart the container
}

// maxTries bounds how often a failing helper is run, 1, 2, 4 ... seconds apart:
// containerd may just be restarting.
const maxTries = 6

// help runs the helper after the exit. From here on another monitor may take
// the container's folder: somebody may start the container again at once.
func (m *monitor) help(verb string) {
	syscall.Flock(m.j.fd, syscall.LOCK_UN)
	m.state = helping
	m.helper.tries = 0
	m.runHelper(verb)
}

// runHelper starts HELPER internal VERB ID. One that cannot be started counts
// as one that failed.
func (m *monitor) runHelper(verb string) {
	m.helper.verb = verb
	var pipe [2]int
	if syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		m.helperFailed()
		return
	}
	pid := m.spawnHelper(verb, pipe[1])
	syscall.Close(pipe[1])
	if pid <= 0 {
		syscall.Close(pipe[0])
		m.helperFailed()
		return
	}
	m.helper.pid, m.helper.out, m.helper.pidfd = pid, pipe[0], m.watchProcess(pid)
}

// watchProcess has the end of a child reported. It returns -1 if it cannot.
func (m *monitor) watchProcess(pid int) int {
	fd, errno := pidfdOpen(pid)
	if errno != 0 {
		return -1
	}
	setCloexec(fd)
	m.watch(fd, syscall.EPOLLIN)
	return fd
}

// spawnHelper starts the helper in a session of its own. What it says on stderr
// is kept in a file of the container's folder, except by the last one, which
// nobody would remove, and by health checks, of which there is no end.
func (m *monitor) spawnHelper(verb string, stdout int) int {
	if len(m.c.helper) == 0 {
		return 0
	}
	stderr := 2
	if verb != wire.HelperRestart && verb != wire.HelperHealth {
		fd, err := syscall.Open(m.path(wire.HelperLog), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
		if err == nil {
			stderr = fd
			defer syscall.Close(fd)
		}
	}
	argv := append(append([]string(nil), m.c.helper...), wire.HelperGroup, verb, m.c.id)
	ignoreSignals(false)
	defer ignoreSignals(true)
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   helperEnv(syscall.Environ()),
		Files: []uintptr{0, uintptr(stdout), uintptr(stderr)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0
	}
	return pid
}

// ownEnv are the variables that tune this process, not the helper.
var ownEnv = [...]string{"GOGC=", "GOMAXPROCS=", "GODEBUG="}

func helperEnv(env []string) []string {
	var kept []string
next:
	for _, e := range env {
		for _, own := range ownEnv {
			if len(e) >= len(own) && e[:len(own)] == own {
				continue next
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// reapHelper takes the exit status of a helper that has ended.
func (m *monitor) reapHelper() {
	h := &m.helper
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(h.pid, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR || err == nil && pid == 0 {
		return
	}
	var buf [256]byte
	n, _ := read(h.out, buf[:])
	syscall.Close(h.out)
	if h.pidfd >= 0 {
		syscall.Close(h.pidfd)
	}
	h.pid = 0
	if m.state != helping || h.verb == wire.HelperStdin {
		return
	}
	switch {
	case err == nil && status.Exited() && status.ExitStatus() == 0:
		m.state = ending
	case err == nil && status.Exited() && status.ExitStatus() == wire.StatusRestart:
		m.sleep(buf[:max(n, 0)])
	default:
		m.helperFailed()
	}
}

// delaySaid is the number of milliseconds in what a helper has said, which is a
// word and the number. 0: it has not said it.
func delaySaid(said []byte, word string) int64 {
	if len(said) <= len(word) || string(said[:len(word)]) != word {
		return 0
	}
	end := len(word)
	for end < len(said) && said[end] >= '0' && said[end] <= '9' {
		end++
	}
	delay, _ := strconv.ParseInt(string(said[len(word):end]), 10, 64)
	return min(max(delay, 0), maxDelay)
}

// maxDelay is the longest time that a helper can ask for, in milliseconds.
const maxDelay = 1e12

// sleep waits with a restart as long as the helper has said: "restart MS".
func (m *monitor) sleep(said []byte) {
	m.clock = now(clockMonotonic)
	m.helper.at = m.clock + delaySaid(said, "restart ")*millisecond
	m.state = sleeping
	if !m.relock() {
		m.state = ending // somebody has started the container already
	}
}

func (m *monitor) helperFailed() {
	h := &m.helper
	h.pid = 0
	if m.state != helping {
		return
	}
	h.tries++
	if h.tries >= maxTries {
		m.state = ending
		return
	}
	h.at = now(clockMonotonic) + second<<(h.tries-1)
}

// tendHelper tries again what has failed.
func (m *monitor) tendHelper() {
	if m.helper.pid != 0 {
		if m.helper.pidfd < 0 {
			m.reapHelper()
		}
		return
	}
	if m.clock >= m.helper.at {
		m.runHelper(m.helper.verb)
	}
}

// restart hands the container over to the helper, which starts it with a new
// monitor.
func (m *monitor) restart() {
	m.endSinks()
	m.keeper.stop()
	if m.relock() {
		m.removeFiles()
		m.spawnHelper(wire.HelperRestart, 1)
	}
	syscall.Exit(0)
}

// relock tells whether the container's folder still belongs to this monitor.
func (m *monitor) relock() bool {
	return isNamed(m.j.fd, m.path(wire.JournalName)) &&
		syscall.Flock(m.j.fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// finish ends the monitor and leaves nothing behind.
func (m *monitor) finish() {
	m.endSinks()
	m.keeper.stop()
	if m.relock() {
		m.removeFiles()
	}
	syscall.Exit(0)
}

// removeFiles removes the monitor's files, the journal last: it is the lock.
func (m *monitor) removeFiles() {
	for _, name := range [...]string{wire.AttrsName, wire.LoggerConfig, wire.WriterJournal, wire.SocketName, wire.StdinName, wire.StdoutName, wire.StderrName} {
		syscall.Unlink(m.path(name))
	}
	for _, name := range [...]string{wire.HelperLog, wire.LoggerLog} {
		var st syscall.Stat_t
		if log := m.path(name); syscall.Lstat(log, &st) == nil && st.Size == 0 {
			syscall.Unlink(log)
		}
	}
	syscall.Unlink(m.path(wire.JournalName))
}

func (m *monitor) path(name string) string { return m.c.dir + "/" + name }
