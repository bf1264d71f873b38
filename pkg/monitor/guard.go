package monitor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Guard is a process that runs the helper once this one has ended without
// dismissing it, by whatever: for what must not be left undone even after a kill.
type Guard struct {
	cmd  *exec.Cmd
	line io.WriteCloser
}

// NewGuard starts a guard. The helper is run at once with "internal VERB ID", and
// has to wait with AwaitGuarded before it does anything.
func NewGuard(helper, env []string, verb, id string) (*Guard, error) {
	if len(helper) == 0 {
		return nil, errors.New("starting a guard: there is no helper")
	}
	args := append(append([]string(nil), helper[1:]...), "internal", verb, id)
	cmd := exec.Command(helper[0], args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{}, env...)
	// In a session of its own, what ends this process from the terminal or by its
	// group does not end the guard.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	line, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a guard: %w", errors.Join(err, line.Close()))
	}
	return &Guard{cmd, line}, nil
}

// Dismiss ends the guard without it doing anything. Its end is not waited for: it
// may only just have begun.
func (g *Guard) Dismiss() error {
	_, err := io.WriteString(g.line, dismissal)
	return errors.Join(err, g.line.Close(), g.cmd.Process.Release())
}

const dismissal = "d"

// AwaitGuarded waits until the process that is guarded has ended, or has dismissed
// the guard. It reads from stdin, which is the line to that process.
func AwaitGuarded() (dismissed bool) {
	line := os.NewFile(uintptr(syscall.Stdin), "guard")
	word := make([]byte, len(dismissal))
	n, _ := io.ReadFull(line, word)
	return n == len(word)
}
